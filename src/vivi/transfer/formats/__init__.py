"""Readers of the file formats in which data sets are published, each without the program that made the format."""
