"""What the paper's Figures 2, 3 and 4 are drawn from, as tables."""

from collections.abc import Iterator, Mapping, Sequence

from vivi.report import published
from vivi.report.changes import change
from vivi.report.measures import Measure, asked_differently, vtab_measures
from vivi.report.paper_tables import (
    INCOMPLETE,
    MEAN_COLUMNS,
    PAPER_VERSION,
    Named,
    examples_told,
    means_line,
    measured_means,
    split_name,
)
from vivi.report.results_files import THOUSAND
from vivi.report.tables import NOT_MEASURED, Entry, Line, Mark, Table, Whose
from vivi.transfer.task import GROUPS, Group

_BEFORE, _AFTER = published.FIGURE_4
_SHOWN = 3
_ONLY_BARS = Entry(reason="only a bar")


def figure_2(files: Sequence[Named]) -> Table:
    """Frames, shots, videos, and a wider network: what each adds (paper, Figure 2)."""
    title = "Figure 2: exemplars from frames, shots and videos, VTAB with 1000 examples a task, in %"
    return _means(files, rows=published.FIGURE_2, key="figure2", title=title)


def figure_3(files: Sequence[Named]) -> Table:
    """VIVI beside methods that learn from images (paper, Figure 3)."""
    title = "Figure 3: VIVI and self-supervision from images, VTAB with 1000 examples a task, in %"
    return _means(files, rows=published.FIGURE_3, key="figure3", title=title)


def _means(files: Sequence[Named], *, rows: Sequence[published.Means], key: str, title: str) -> Table:
    shown = [named for named in files if named.file.examples == THOUSAND and named.file.is_finetuned]
    lines = []
    for means in rows:
        lines.append(means_line(means))
        lines += [measured_means(named) for named in shown if _stands_for(named.file.encoder, means.name)]
    lines += [measured_means(named) for named in shown if not _is_of_the_paper(named.file.encoder)]
    return Table(key=key, title=title, columns=MEAN_COLUMNS, lines=tuple(lines), notes=(PAPER_VERSION, INCOMPLETE))


def _stands_for(encoder: str, name: str) -> bool:
    base, policy, _ = split_name(encoder)
    return base == name and not policy


def _is_of_the_paper(encoder: str) -> bool:
    """Whether some table or figure of the paper has a method of this name, in any variant."""
    known = {*published.TABLE_2, *(means.name for means in (*published.TABLE_1, *published.FIGURE_3))}
    return split_name(encoder)[0] in known


def figure_4(files: Sequence[Named]) -> Table:
    """What all labels of ImageNet change on each task: VIVI-Ex(4)-Co(100%) less VIVI-Ex(4) (paper, Figure 4)."""
    lines = [_printed_changes()]
    notes = [
        "Changes of medians, in points. Intervals are Student's t, 95 %, on the differences of repeats: they hold the "
        "order of the examples, not another pretraining run.",
        "The paper prints the changes of single tasks only as bars; those of groups are differences of its Table 1.",
    ]
    for before, after in _pairs(files):
        one, two = dict(vtab_measures(before.file)), dict(vtab_measures(after.file))
        found = {key[1]: (one[key], two[key]) for key in one if key in two}
        if told := asked_differently(list(found.values())):
            told = [*told[:_SHOWN], *(["and more"] if len(told) > _SHOWN else [])]
            notes.append(f"Not compared, {before.label} and {after.label} were asked differently: {'; '.join(told)}.")
        else:
            lines.append(_measured_changes(before, after, found))
    columns = (*GROUPS, *(task.title for task in published.TASKS))
    title = f"Figure 4: {_AFTER} less {_BEFORE}, VTAB with {examples_told(THOUSAND)} a task, in points"
    return Table(key="figure4", title=title, columns=columns, lines=tuple(lines), notes=tuple(notes), signed=True)


def _printed_changes() -> Line:
    rows = {means.name: means for means in published.TABLE_1}
    groups = zip(rows[_BEFORE].values[1:], rows[_AFTER].values[1:], strict=True)
    entries = [Entry(percent=round((after or 0) - (before or 0), 1)) for before, after in groups]
    return Line(
        label=f"{_AFTER} less {_BEFORE}",
        whose=Whose.PUBLISHED,
        details="VTAB v1, paper, Table 1",
        entries=(*entries, *(_ONLY_BARS for _ in published.TASKS)),
    )


def _pairs(files: Sequence[Named]) -> Iterator[tuple[Named, Named]]:
    """Every two results of one variant and version whose encoders are those of the figure."""
    shown = [named for named in files if named.file.examples == THOUSAND and named.file.is_finetuned]
    for before in shown:
        if _stands_for(before.file.encoder, _BEFORE):
            for after in shown:
                same = split_name(before.file.encoder)[2] == split_name(after.file.encoder)[2]
                if same and _stands_for(after.file.encoder, _AFTER):
                    yield before, after


def _measured_changes(before: Named, after: Named, found: Mapping[str, tuple[Measure, Measure]]) -> Line:
    groups = tuple(_group_change(before, after, group) for group in GROUPS)
    marks = before.marks
    tasks = tuple(
        _task_change(*found[name], marks=marks) if name in found else NOT_MEASURED for name in published.TASK_NAMES
    )
    label = f"{after.label} less {before.label}"
    return Line(label=label, whose=Whose.MEASURED, details=after.details, entries=(*groups, *tasks))


def _group_change(before: Named, after: Named, group: Group) -> Entry:
    means = before.file.mean(group), after.file.mean(group)
    if means[0].value is None or means[1].value is None:
        return Entry(reason=f"{min(mean.counted for mean in means)} of {means[0].of} tasks")
    marks = (Mark.UNOFFICIAL, *before.marks) if means[0].unofficial + means[1].unofficial else before.marks
    return Entry(percent=100 * (means[1].value - means[0].value), marks=marks)


def _task_change(before: Measure, after: Measure, *, marks: tuple[Mark, ...]) -> Entry:
    found = change(before.repeats, after.repeats)
    marks = marks if before.is_official and after.is_official else (Mark.UNOFFICIAL, *marks)
    interval = None if found.interval is None else (100 * found.interval[0], 100 * found.interval[1])
    return Entry(percent=100 * found.value, interval=interval, marks=marks)
