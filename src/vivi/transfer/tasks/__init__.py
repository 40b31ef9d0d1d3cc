"""Downstream tasks, a file for each data set; each gives `TASKS`."""
