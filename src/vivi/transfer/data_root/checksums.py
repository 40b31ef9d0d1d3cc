"""Checksums of the original files of VTAB's tasks, as far as these are published for the files that are read."""

from pathlib import Path

from vivi.core.files import sha256_file
from vivi.transfer.task import Task

_SPRITES = "dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64"
_TRAINING = "smallnorb/smallnorb-5x46789x9x18x6x2x96x96-training"
_TESTING = "smallnorb/smallnorb-5x01235x9x18x6x2x96x96-testing"
SHA256 = {
    "svhn/train_32x32.mat": "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    "svhn/test_32x32.mat": "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
    "flowers-102/imagelabels.mat": "4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
    "flowers-102/setid.mat": "46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
    "SUN397/sun397_tfds_tr.txt": "764d9aa5c7b67a12b1a5ef784656a84f6a3a3cc0383ce9dc7acc59e3efd45791",
    "SUN397/sun397_tfds_va.txt": "0f5f5e56d4c10ea6dd64108980ce1fa3d0a5d92b61ef92530f34b6aa2dbaf192",
    "SUN397/sun397_tfds_te.txt": "e172ef48fe5e94e26b698b0cdc56d9e100ae072eeb44d2e9e9e5bc289337fccc",
    "diabetic_retinopathy/retinopathy_solution.csv": "a6af3d66804e81887da89b9261bcfb7da4f5bacedb070f1b5db83fa879ab60c9",
    f"{_SPRITES}.hdf5": "729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb",
    f"{_TRAINING}-dat.mat.gz": "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
    f"{_TRAINING}-cat.mat.gz": "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
    f"{_TRAINING}-info.mat.gz": "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
    f"{_TESTING}-dat.mat.gz": "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
    f"{_TESTING}-cat.mat.gz": "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
    f"{_TESTING}-info.mat.gz": "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
}
"""Official files as they are published, by their place below a data root.

Source: tensorflow_datasets, checksums.tsv of each data set, and its own three lists of SUN397.
"""


def wrong_files(task: Task, root: Path) -> tuple[str, ...]:
    """What is wrong with the original files whose checksum is known, a sentence each."""
    places = [place for place in SHA256 if place.startswith(f"{task.folder}/") and (root / place).is_file()]
    return tuple(said for place in places if (said := _difference(root / place, published=SHA256[place])))


def _difference(file: Path, *, published: str) -> str:
    """In words; empty where there is none."""
    try:
        is_published = sha256_file(file) == published
    except OSError as error:
        return f"cannot read {file}: {error.strerror}"
    return "" if is_published else f"{file} is not the published file (its sha256 is another): fetch it again"
