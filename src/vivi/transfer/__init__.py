"""Floor 4: what an encoder is worth: evaluation on labelled images."""
