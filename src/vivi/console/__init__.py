"""Floor 6: what the command line shows: progress bars and tables; without a terminal, a plain line now and then."""
