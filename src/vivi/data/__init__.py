"""Floor 1: pixels. The shot store, the order of samples, clips, augmentation and loading."""
