"""What of the tasks lies under a folder, in which of three ways, and whether it is whole."""
