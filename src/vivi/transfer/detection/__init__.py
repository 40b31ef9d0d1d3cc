"""Object detection: an encoder as the backbone of torchvision's Faster R-CNN, fine-tuned on data in VOC's format.

The paper's supplement evaluates detection; its settings are unknown to us (docs/detection.md says whose each value is).
"""
