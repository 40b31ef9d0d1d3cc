"""What detection.json holds."""

from dataclasses import asdict, dataclass
from typing import Any

from vivi.transfer.detection.measure import Measured

FORMAT, VERSION = "vivi-detection", 1
METRIC = "COCO's AP (101 places of recall, overlaps 0.5 to 0.95), by torchmetrics with pycocotools"
DIFFICULT = "difficult objects of the test list are not counted, given to pycocotools as crowds"
PROTOCOL = "recipe and measure are ours: the settings of the paper's supplement are unknown"


@dataclass(frozen=True, slots=True)
class Detection:
    """The result of one fine-tuning run; `as_json` is what stands in detection.json."""

    encoder: dict[str, Any]
    """Name and fingerprint, and whether its weights are "trained" or "random"."""
    data: dict[str, Any]
    """Lists with their numbers of images and objects, classes, fingerprint."""
    recipe: dict[str, Any]
    """The dumped recipe."""
    measured: Measured
    remarks: tuple[str, ...]
    """What to know about the numbers."""
    seconds: dict[str, float]
    """Of the last process: learning and measuring."""
    version: str
    """Of this package."""

    def as_json(self) -> dict[str, Any]:
        """JSON values, with the name and version of the format."""
        mean, classes = self.measured.mean, self.measured.classes
        return {
            "format": FORMAT,
            "version": VERSION,
            "encoder": self.encoder,
            "data": self.data,
            "recipe": self.recipe,
            "metric": METRIC,
            **asdict(mean),
            "classes": [{"name": each.name, "objects": each.objects, **asdict(each.precision)} for each in classes],
            "remarks": list(self.remarks),
            "seconds": self.seconds,
            "vivi": self.version,
        }
