"""EuroSAT: the use of the land in a 64 x 64 satellite image, from its visible colours."""

from pathlib import Path

from vivi.transfer.formats.class_folders import read_class_folders
from vivi.transfer.task import Parts, Sizes, Task

CLASSES = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)


def read_eurosat(folder: Path) -> Parts:
    """The one official set cut 60/20/20, see `read_class_folders`."""
    return read_class_folders(folder, classes=CLASSES)


TASKS = (
    Task(
        name="eurosat",
        title="EuroSAT",
        group="specialized",
        classes=len(CLASSES),
        sizes=Sizes(train=16_200, val=5_400, test=5_400),
        read=read_eurosat,
        folder="2750",
        files=tuple(f"{name}/*.jpg" for name in CLASSES),
        source="https://github.com/phelber/EuroSAT: EuroSAT.zip (red, green and blue); in it the folder 2750",
        licence="MIT",
        gigabytes=0.09,
    ),
)
