"""A small web app for one person and one store: videos, shots, cuts set right by hand, what an encoder finds alike."""
