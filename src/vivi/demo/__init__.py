"""Floor 5: the whole way on a small procedural world."""
