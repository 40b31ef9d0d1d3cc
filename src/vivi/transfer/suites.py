"""Sets of tasks. VTAB is the 19 tasks of Zhai et al., "The Visual Task Adaptation Benchmark", in the paper's order."""

from collections.abc import Sequence
from difflib import get_close_matches

from vivi.core.errors import ViviError
from vivi.transfer.task import Task
from vivi.transfer.tasks import (
    caltech101,
    cifar100,
    clevr,
    dmlab,
    dsprites,
    dtd,
    eurosat,
    flowers102,
    kitti,
    patch_camelyon,
    pets,
    resisc45,
    retinopathy,
    smallnorb,
    sun397,
    svhn,
)

VTAB: tuple[Task, ...] = (
    *caltech101.TASKS,
    *cifar100.TASKS,
    *dtd.TASKS,
    *flowers102.TASKS,
    *pets.TASKS,
    *sun397.TASKS,
    *svhn.TASKS,
    *patch_camelyon.TASKS,
    *eurosat.TASKS,
    *resisc45.TASKS,
    *retinopathy.TASKS,
    *clevr.TASKS,
    *dmlab.TASKS,
    *dsprites.TASKS,
    *kitti.TASKS,
    *smallnorb.TASKS,
)
"""Natural, specialized, structured."""


def chosen(names: Sequence[str]) -> tuple[Task, ...]:
    """The tasks of VTAB that have these names, in VTAB's order; all 19 where none is given.

    Raises:
        ViviError: there is no task of such a name.
    """
    legal = [task.name for task in VTAB]
    for name in names:
        if name not in legal:
            near = get_close_matches(name, legal, n=1)
            hint = f", did you mean {near[0]!r}?" if near else "."
            raise ViviError(f"there is no task {name!r}{hint} Legal: {', '.join(legal)}")
    return tuple(task for task in VTAB if not names or task.name in names)
