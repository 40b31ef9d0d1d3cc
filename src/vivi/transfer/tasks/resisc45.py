"""Resisc45: the kind of place in a 256 x 256 aerial image."""

from pathlib import Path

from vivi.transfer.formats.class_folders import read_class_folders
from vivi.transfer.task import Parts, Sizes, Task

CLASSES = (
    "airplane",
    "airport",
    "baseball_diamond",
    "basketball_court",
    "beach",
    "bridge",
    "chaparral",
    "church",
    "circular_farmland",
    "cloud",
    "commercial_area",
    "dense_residential",
    "desert",
    "forest",
    "freeway",
    "golf_course",
    "ground_track_field",
    "harbor",
    "industrial_area",
    "intersection",
    "island",
    "lake",
    "meadow",
    "medium_residential",
    "mobile_home_park",
    "mountain",
    "overpass",
    "palace",
    "parking_lot",
    "railway",
    "railway_station",
    "rectangular_farmland",
    "river",
    "roundabout",
    "runway",
    "sea_ice",
    "ship",
    "snowberg",
    "sparse_residential",
    "stadium",
    "storage_tank",
    "tennis_court",
    "terrace",
    "thermal_power_station",
    "wetland",
)


def read_resisc45(folder: Path) -> Parts:
    """The one official set cut 60/20/20, see `read_class_folders`."""
    return read_class_folders(folder, classes=CLASSES)


TASKS = (
    Task(
        name="resisc45",
        title="Resisc45",
        group="specialized",
        classes=len(CLASSES),
        sizes=Sizes(train=18_900, val=6_300, test=6_300),
        read=read_resisc45,
        folder="NWPU-RESISC45",
        files=tuple(f"{name}/*.jpg" for name in CLASSES),
        source="http://www.escience.cn/people/JunweiHan/NWPU-RESISC45.html: NWPU-RESISC45.rar, by hand",
        licence="none stated",
        gigabytes=0.4,
    ),
)
