"""VTAB's protocol: one run, a study of many, and what it found."""
