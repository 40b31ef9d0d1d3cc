"""Floor 1: networks, normalisation, pooling, heads, and the encoder folder."""
