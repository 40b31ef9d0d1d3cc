"""Floor 2: pretext tasks and their losses, one file each."""
