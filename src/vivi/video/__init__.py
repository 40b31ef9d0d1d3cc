"""Floor 2: raw video files to a shot store."""
