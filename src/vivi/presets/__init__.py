"""Floor 5: the paper's names, as functions that return complete experiments."""

from vivi.presets.modifiers import changed, for_classes, tiny
from vivi.presets.table import PRESETS, Preset, find

__all__ = ["PRESETS", "Preset", "changed", "find", "for_classes", "tiny"]
