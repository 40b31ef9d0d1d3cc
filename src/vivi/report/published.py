"""What the paper and VTAB printed, with the place of each figure: accuracies in percent.

The paper: Tschannen et al., Self-Supervised Learning of Video-Induced Visual Invariances (CVPR 2020), main text. Its
Tables 1 and 2 follow version 1 of VTAB; per-task figures stand only in the bars of its Figure 4 and are not given here,
nor is its Table 4, which is in the appendix. VTAB: google-research/task_adaptation, docs/data/results.csv, whose
columns for 1000 examples and for full data are the baselines of the paper (lightweight sweep, median of 3 runs).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from vivi.transfer.task import GROUPS, Group

PAPER, VTAB = "the paper", "VTAB's results.csv"


@dataclass(frozen=True, slots=True)
class VtabTask:
    """One of the 19."""

    name: str
    """As in the vtab-1k folder and in results."""
    title: str
    group: Group


TASKS: tuple[VtabTask, ...] = (
    VtabTask("caltech101", "Caltech101", "natural"),
    VtabTask("cifar", "CIFAR-100", "natural"),
    VtabTask("dtd", "DTD", "natural"),
    VtabTask("oxford_flowers102", "Flowers102", "natural"),
    VtabTask("oxford_iiit_pet", "Pets", "natural"),
    VtabTask("sun397", "Sun397", "natural"),
    VtabTask("svhn", "SVHN", "natural"),
    VtabTask("patch_camelyon", "Camelyon", "specialized"),
    VtabTask("eurosat", "EuroSAT", "specialized"),
    VtabTask("resisc45", "Resisc45", "specialized"),
    VtabTask("diabetic_retinopathy", "Retinopathy", "specialized"),
    VtabTask("clevr_count", "Clevr-Count", "structured"),
    VtabTask("clevr_dist", "Clevr-Dist", "structured"),
    VtabTask("dmlab", "DMLab", "structured"),
    VtabTask("dsprites_loc", "dSpr-Loc", "structured"),
    VtabTask("dsprites_ori", "dSpr-Orient", "structured"),
    VtabTask("kitti", "KITTI-Dist", "structured"),
    VtabTask("smallnorb_azi", "sNORB-Azim", "structured"),
    VtabTask("smallnorb_ele", "sNORB-Elev", "structured"),
)
"""In the order of VTAB's groups; titles as in its results.csv."""
TASK_NAMES = tuple(task.name for task in TASKS)
SIZES: Mapping[Group, int] = MappingProxyType({each: sum(task.group == each for task in TASKS) for each in GROUPS})
"""Tasks of each group: 7, 4 and 8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """A row of mean accuracies; None where no figure was printed."""

    name: str
    """Of the preset, see `vivi presets`."""
    mean: float | None = None
    natural: float | None = None
    specialized: float | None = None
    structured: float | None = None
    where: str

    @property
    def values(self) -> tuple[float | None, ...]:
        """Mean, then the groups in VTAB's order."""
        return self.mean, self.natural, self.specialized, self.structured


def _table_1(name: str, mean: float, natural: float, specialized: float, structured: float) -> Means:
    return Means(
        name=name, mean=mean, natural=natural, specialized=specialized, structured=structured, where="paper, Table 1"
    )


TABLE_1: tuple[Means, ...] = (
    _table_1("Ex-ImageNet", 59.5, 50.5, 81.4, 56.4),
    _table_1("VIVI-Ex(4)", 62.5, 55.9, 80.9, 59.1),
    _table_1("VIVI-Ex(4)-Big", 63.3, 57.5, 81.0, 59.5),
    _table_1("Semi-Ex-10%", 65.3, 70.2, 81.9, 52.7),
    _table_1("VIVI-Ex(4)-Co(10%)", 67.2, 63.3, 82.6, 62.9),
    _table_1("Sup-100%", 66.4, 73.5, 82.5, 52.1),
    _table_1("Sup-Rot-100%", 68.0, 73.6, 83.1, 55.5),
    _table_1("VIVI-Ex(4)-Co(100%)", 69.4, 69.9, 83.3, 62.1),
    _table_1("VIVI-Ex(4)-Co(100%)-Big", 71.7, 72.5, 84.3, 64.7),
)
AUTOAUGMENT = "-AA"
"""What the name of a preset with AutoAugment has behind that of the same without."""
TABLE_2: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "Ex-YT-F": (59.4, 61.8),
        "Ex-YT-S": (61.3, 62.8),
        "VIVI-Ex(4)": (62.5, 63.0),
        "VIVI-Ex(4)-Big": (63.3, 64.4),
        "Rot-YT-F": (56.9, 58.9),
        "VIVI-Rot(4)": (58.9, 59.9),
    }
)
"""Paper, Table 2: means without and with AutoAugment; its "VIVI" under "rotation" is the preset VIVI-Rot(4)."""


@dataclass(frozen=True, slots=True)
class Robust:
    """A row of the paper's Table 3, as it is printed: accuracy and 95 % interval, and the drop."""

    name: str
    pm0: tuple[float, float, float]
    pm10: tuple[float, float, float]
    delta: float
    counts: tuple[int, int]
    """Anchors right in pm-0 and in pm-10, of 1109: the only ones that fit the printed shares and intervals. The upper
    end for 553 is 52.8496 and stands as 52.9, rounded twice."""


TABLE_3: tuple[Robust, ...] = (
    Robust("ImageNet", (68.0, 65.2, 70.7), (49.9, 46.9, 52.9), 18.1, (754, 553)),
    Robust("VIVI-Ex(4)-Co(100%)", (62.2, 59.3, 65.1), (46.3, 43.3, 49.2), 15.9, (690, 513)),
)
FIGURE_2: tuple[Means, ...] = (
    Means(name="Ex-YT-F", mean=59.4, where="paper, Table 2; its groups only as bars"),
    Means(name="Ex-YT-S", mean=61.3, where="paper, Table 2; its groups only as bars"),
    TABLE_1[1],
    TABLE_1[2],
)
FIGURE_3: tuple[Means, ...] = (
    Means(name="MT-SSL", where="paper, only as bars: comparable to Rot-ImageNet"),
    Means(name="Rot-ImageNet", mean=60.9, where="paper, section 5.1: 1.4 above Ex-ImageNet, both rounded"),
    TABLE_1[0],
    TABLE_1[1],
    TABLE_1[2],
)
FIGURE_4 = ("VIVI-Ex(4)", "VIVI-Ex(4)-Co(100%)")
"""Its bars are what the second has over the first, for each task."""

THOUSAND: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "Sup-100%": (
            90.95395, 57.03000, 66.01064, 88.60677, 89.87445, 34.41409, 87.31945, 80.61218, 95.31481, 80.84498,
            73.19754, 40.96000, 56.11333, 36.28564, 85.73134, 45.96083, 70.56962, 45.74275, 35.44137,
        ),
        "Sup-Rot-100%": (
            91.69408, 53.66000, 69.52128, 90.75521, 88.12773, 32.79525, 88.46420, 83.44116, 96.00000, 81.97268,
            71.06225, 47.32667, 57.24667, 36.58483, 88.31787, 52.08333, 77.05696, 51.58926, 33.66272,
        ),
        "Semi-Ex-10%": (
            88.55263, 53.16000, 60.79787, 86.76758, 85.34389, 28.95511, 87.98402, 83.15430, 95.22222, 77.28717,
            71.73730, 42.34000, 57.35334, 36.69923, 74.88471, 53.94965, 71.36076, 52.68446, 32.27108,
        ),
        "Exemplar (VTAB)": (
            69.57237, 10.97000, 48.88298, 69.88932, 42.27620, 13.69573, 87.14275, 79.12598, 94.74074, 67.34434,
            72.52015, 54.81333, 60.86667, 36.65083, 91.78603, 44.28575, 75.47469, 42.07016, 40.29974,
        ),
        "Rotation (VTAB)": (
            77.63158, 27.32000, 51.43617, 68.75000, 48.30786, 12.85412, 89.38614, 80.38635, 93.50000, 69.44091,
            70.93099, 45.55333, 60.93333, 40.41711, 89.61589, 49.52528, 75.94936, 52.19038, 44.34288,
        ),
        "From scratch (VTAB)": (
            38.24013, 13.17107, 20.58190, 40.21810, 12.06140, 5.01936, 66.07143, 75.61951, 84.95164, 42.63393,
            72.57179, 38.84882, 55.19498, 26.56250, 78.43425, 39.15337, 42.70833, 30.07606, 37.60747,
        ),
    }
)  # fmt: skip
"""VTAB's results.csv, 1000 examples: by method, the accuracies of `TASKS`. Ex-ImageNet of the paper is another run."""
FULL: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "Sup-100%": (
            94.11184, 83.82000, 74.04255, 93.21289, 91.94869, 70.74595, 96.96912, 83.93250, 98.75926, 95.33037,
            79.25886, 99.82000, 92.09333, 76.43436, 100.00000, 96.44639, 80.69620, 99.78590, 97.66139,
        ),
        "Sup-Rot-100%": (
            94.55592, 84.76000, 75.85106, 94.67773, 91.51201, 70.23087, 97.00369, 85.87952, 98.75926, 94.93329,
            79.45575, 99.81334, 92.54667, 76.52675, 100.00000, 96.46403, 82.27848, 99.95883, 98.36956,
        ),
        "Semi-Ex-10%": (
            85.27961, 82.66000, 70.53192, 92.18750, 89.00109, 67.43010, 97.00753, 86.02600, 98.62963, 94.66328,
            78.82993, 99.83333, 93.12000, 76.75114, 100.00000, 96.48573, 81.48734, 99.97529, 97.75198,
        ),
        "Exemplar (VTAB)": (
            81.90789, 70.69000, 61.06383, 79.29688, 67.79476, 58.21376, 96.67717, 84.71375, 98.46296, 93.51969,
            79.04791, 99.83333, 93.28000, 74.71401, 100.00000, 96.47353, 78.16456, 99.90942, 97.43083,
        ),
        "Rotation (VTAB)": (
            88.28948, 73.56000, 63.29787, 83.36589, 71.77948, 60.46726, 96.85003, 86.37085, 98.25926, 93.44028,
            78.58616, 99.76000, 93.26667, 76.82154, 100.00000, 96.45454, 82.59494, 99.93412, 97.99078,
        ),
        "From scratch (VTAB)": (
            55.88816, 64.44311, 31.30388, 50.60222, 23.79386, 52.70557, 96.34005, 81.18896, 96.20536, 86.79847,
            76.82761, 99.71955, 89.38969, 71.53609, 100.00000, 96.33382, 68.40278, 99.88426, 91.73281,
        ),
    }
)  # fmt: skip
"""VTAB's results.csv, full data: by method, the accuracies of `TASKS`."""


def means_of(accuracies: Sequence[float], *, name: str, where: str) -> Means:
    """Mean and group means of a row of `THOUSAND` or `FULL`."""
    of = {
        group: [value for task, value in zip(TASKS, accuracies, strict=True) if task.group == group] for group in GROUPS
    }
    means = {group: sum(values) / len(values) for group, values in of.items()}
    return Means(name=name, mean=sum(accuracies) / len(accuracies), where=where, **means)
