"""Floor 6: the whole way on a small procedural world."""
