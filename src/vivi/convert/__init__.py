"""Floor 4: published checkpoints of other code bases to encoder folders, read without those code bases."""
