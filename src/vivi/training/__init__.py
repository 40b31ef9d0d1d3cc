"""Floor 4: the pretraining run: state, checkpoints, the step and the loop."""
