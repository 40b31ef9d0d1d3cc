"""ImageNet-Vid-Robust."""
