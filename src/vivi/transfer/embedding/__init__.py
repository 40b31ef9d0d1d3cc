"""Embeddings of images, videos and stores: where pixels come from, part files, and the files that are made of them."""
