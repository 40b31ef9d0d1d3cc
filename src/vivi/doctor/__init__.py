"""The data doctor: what a shot store is worth for training, and what is odd about it."""
