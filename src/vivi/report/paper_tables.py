"""The paper's tables: its own figures, and beside them what was measured here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vivi.report import published
from vivi.report.names import Label, path_marks, tell_apart, written
from vivi.report.results_files import FULL, THOUSAND, Measured, RobustFile, TaskResult, VtabFile
from vivi.report.tables import NOT_MEASURED, NOT_PRINTED, Entry, Line, Mark, Table, Whose, printed
from vivi.transfer.task import GROUPS

MEAN_COLUMNS = ("mean", "natural", "specialized", "structured")
PAPER_VERSION = (
    "Published figures follow version 1 of VTAB; a row measured under version 2 is not the same measurement."
)
INCOMPLETE = (
    "A mean is given only over all 7, 4, 8 or 19 tasks, fine-tuned; else the number of tasks that count stands in its "
    f"place. {Mark.UNOFFICIAL.symbol} marks one that holds tasks with other examples or test images than VTAB's."
)
_SHOWN = 3
_NAME = re.compile(r"(?P<base>.*?)(?P<policy>-AA)?(?P<variant>(?:-Tiny|\*)*)")


@dataclass(frozen=True, slots=True)
class Named:
    """A result file, and what its row is called: the encoder's name, and what tells it from others of that name."""

    label: str
    file: VtabFile

    @property
    def details(self) -> str:
        """How it was measured, in words."""
        repeats = {len(task.repeats) for task in self.file.tasks.values()} or {0}
        low, high = min(repeats), max(repeats)
        told = f"{low}" if low == high else f"{low} to {high}"
        mode = "" if self.file.is_finetuned else f", {self.file.mode}"
        whole = f"VTAB v{self.file.version}, {examples_told(self.file.examples)}{mode}, median of {told}"
        departures = self.file.departures if self.file.is_finetuned else ()
        more = ["..."] if len(departures) > _SHOWN else []
        return "; ".join([whole, *departures[:_SHOWN], *more])

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Of everything in its row."""
        if not self.file.is_finetuned:
            return (Mark.FROZEN,)
        return (Mark.PROTOCOL,) if self.file.departures else ()


def examples_told(examples: str) -> str:
    """How much was learned from, in words."""
    return "full data" if examples == FULL else f"{examples} examples"


def name_files(files: Sequence[VtabFile]) -> tuple[Named, ...]:
    """Tell files of one encoder's name apart by mode, protocol, weights, then by their paths."""
    labels: list[Label] = [(file.encoder,) for file in files]
    labels = tell_apart(labels, by=["" if file.is_finetuned else file.mode for file in files])
    labels = tell_apart(labels, by=[f"{examples_told(file.examples)}" for file in files])
    labels = tell_apart(labels, by=[f"v{file.version}" for file in files])
    labels = tell_apart(labels, by=[f"weights {file.fingerprint}" for file in files])
    marks = path_marks(labels, paths=[str(file.path.resolve()) for file in files])
    labels = tell_apart(labels, by=marks)
    return tuple(Named(written(label), file) for label, file in zip(labels, files, strict=True))


def split_name(name: str) -> tuple[str, bool, str]:
    """A preset's name without AutoAugment and variant, whether it has AutoAugment, and the variant: "-Tiny", "*"."""
    found = _NAME.fullmatch(name)
    assert found is not None
    return found["base"], found["policy"] is not None, found["variant"]


def means_line(means: published.Means) -> Line:
    """A published row of means."""
    entries = tuple(printed(value) for value in means.values)
    details = f"VTAB v1, {means.where}"
    return Line(label=means.name, name=means.name, whose=Whose.PUBLISHED, details=details, entries=entries)


def measured_means(named: Named) -> Line:
    """A measured row of means; an incomplete group says how many of its tasks count."""
    means = [named.file.mean(), *(named.file.mean(group) for group in GROUPS)]
    entries = tuple(
        Entry(reason=f"{mean.counted} of {mean.of} tasks")
        if mean.value is None
        else Entry(percent=100 * mean.value, marks=(*([Mark.UNOFFICIAL] if mean.unofficial else []), *named.marks))
        for mean in means
    )
    name = named.file.encoder
    return Line(label=named.label, name=name, whose=Whose.MEASURED, details=named.details, entries=entries)


def table_1(files: Sequence[Named]) -> Table:
    """Means and group means on 1000 examples a task."""
    return _table_of_means(
        files, of=THOUSAND, rows=published.TABLE_1, key="table1", title="Table 1: VTAB with 1000 examples a task, in %"
    )


def table_4(files: Sequence[Named]) -> Table:
    """Means and group means on all data: VTAB's own baselines, since the paper's Table 4 is in its appendix."""
    where = "VTAB's results.csv, full data"
    rows = [published.means_of(values, name=name, where=where) for name, values in published.FULL.items()]
    note = "The paper's own Table 4 stands in its appendix and is not copied here."
    return _table_of_means(
        files, of=FULL, rows=rows, key="table4", title="Table 4: VTAB with all data, in %", more=note
    )


def _table_of_means(
    files: Sequence[Named], *, of: str, rows: Sequence[published.Means], key: str, title: str, more: str = ""
) -> Table:
    finetuned = [named for named in files if named.file.examples == of and named.file.is_finetuned]
    lines: list[Line] = []
    for means in rows:
        lines.append(means_line(means))
        lines += [measured_means(named) for named in finetuned if named.file.encoder == means.name]
    printed_names = {means.name for means in rows}
    lines += [measured_means(named) for named in finetuned if named.file.encoder not in printed_names]
    frozen = [named.label for named in files if named.file.examples == of and not named.file.is_finetuned]
    notes = [PAPER_VERSION, INCOMPLETE, *([more] if more else [])]
    if frozen:
        notes.append(f"Not here, because frozen features are no score of VTAB: {', '.join(frozen)}.")
    return Table(key=key, title=title, columns=MEAN_COLUMNS, lines=tuple(lines), notes=tuple(notes))


def table_2(files: Sequence[Named]) -> Table:
    """The mean with and without AutoAugment."""
    columns = tuple(published.TABLE_2)
    lines = [
        Line(
            label=label,
            whose=Whose.PUBLISHED,
            details="VTAB v1, paper, Table 2",
            entries=tuple(Entry(percent=pair[at]) for pair in published.TABLE_2.values()),
        )
        for at, label in enumerate(("without AutoAugment", "with AutoAugment"))
    ]
    found: dict[tuple[int, str, bool], dict[str, list[Named]]] = {}
    for named in files:
        base, policy, variant = split_name(named.file.encoder)
        if base in columns and named.file.examples == THOUSAND and named.file.is_finetuned:
            found.setdefault((named.file.version, variant, policy), {}).setdefault(base, []).append(named)
    for (version, variant, _), _ in sorted(found.items()):
        for policy, label in ((False, "without AutoAugment"), (True, "with AutoAugment")):
            row = found.pop((version, variant, policy), None)
            if row is not None:
                entries = tuple(_single_mean(row.get(base, [])) for base in columns)
                told = f"{label}, {variant}" if variant else label
                lines.append(
                    Line(label=told, whose=Whose.MEASURED, details=f"VTAB v{version}, 1000 examples", entries=entries)
                )
    title = "Table 2: mean over VTAB's 19 tasks without and with AutoAugment, 1000 examples a task, in %"
    return Table(
        key="table2", title=title, columns=columns, lines=tuple(lines), notes=(PAPER_VERSION, INCOMPLETE)
    )  # fmt: skip


def _single_mean(named: Sequence[Named]) -> Entry:
    if not named:
        return NOT_MEASURED
    if len(named) > 1:
        return Entry(reason=f"{len(named)} results, see Table 1")
    return measured_means(named[0]).entries[0]


def table_3(files: Sequence[RobustFile]) -> Table:
    """ImageNet-Vid-Robust: accuracy on anchors, with their neighbours, and the drop."""
    lines = [
        Line(
            label=row.name,
            whose=Whose.PUBLISHED,
            details="paper, Table 3",
            entries=(
                Entry(percent=row.pm0[0], interval=row.pm0[1:]),
                Entry(percent=row.pm10[0], interval=row.pm10[1:]),
                Entry(percent=row.delta),
            ),
        )
        for row in published.TABLE_3
    ]
    labels: list[Label] = [(file.encoder,) for file in files]
    labels = tell_apart(labels, by=[f"weights {file.fingerprint}" for file in files])
    labels = tell_apart(labels, by=path_marks(labels, paths=[str(file.path.resolve()) for file in files]))
    lines += [_robust_line(written(label), file) for label, file in zip(labels, files, strict=True)]
    notes = (
        "Intervals are Clopper-Pearson, 95 %, over the anchors. The lower Δ, the more robust.",
        "The paper's Δ are differences of rounded accuracies; 49.9 has the upper end 52.85, there rounded to 52.9.",
    )
    columns = ("accuracy original (pm-0)", "accuracy perturbed (pm-10)", "Δ")
    return Table(
        key="table3", title="Table 3: ImageNet-Vid-Robust, in %", columns=columns, lines=tuple(lines), notes=notes
    )  # fmt: skip


def _robust_line(label: str, file: RobustFile) -> Line:
    marks = (*([Mark.UNANSWERED] if file.unanswered else []), *([] if file.is_official else [Mark.PART]))
    delta = Entry(percent=100 * (file.pm0.accuracy - file.pm10.accuracy), marks=marks)
    entries = (_share(file.pm0, marks), _share(file.pm10, marks), delta)
    told = f"{file.pm0.total} anchors" + (f", {file.unanswered} frames unanswered" if file.unanswered else "")
    return Line(label=label, whose=Whose.MEASURED, details=told, entries=entries)


def _share(share: Measured, marks: tuple[Mark, ...]) -> Entry:
    return Entry(percent=100 * share.accuracy, interval=(100 * share.low, 100 * share.high), marks=marks)


def table_of_tasks(files: Sequence[Named], *, of: str) -> Table:
    """Every accuracy of every encoder, task by task, also those that enter no mean."""
    chosen = [named for named in files if named.file.examples == of]
    others = sorted({(task.name, task.title) for named in chosen for task in _others(named.file)})
    lines = []
    rows = {THOUSAND: published.THOUSAND, FULL: published.FULL}.get(of, {})
    for name, values in rows.items():
        entries = (*(Entry(percent=value) for value in values), *(NOT_PRINTED for _ in others))
        lines.append(Line(label=name, whose=Whose.PUBLISHED, details="VTAB v1, VTAB's results.csv", entries=entries))
    names = (*published.TASK_NAMES, *(name for name, _ in others))
    for named in chosen:
        found = tuple(_task_entry(named, named.file.tasks.get(name)) for name in names)
        lines.append(Line(label=named.label, whose=Whose.MEASURED, details=named.details, entries=found))
    return Table(
        key="tasks" if of == THOUSAND else f"tasks-{of}",
        title=f"All tasks, {examples_told(of)}, accuracy in %",
        columns=(*(task.title for task in published.TASKS), *(title for _, title in others)),
        lines=tuple(lines),
        notes=(PAPER_VERSION, "The paper prints no accuracies of single tasks; these baselines are VTAB's."),
    )


def _others(file: VtabFile) -> list[TaskResult]:
    return [task for task in file.tasks.values() if task.group not in GROUPS]


def _task_entry(named: Named, task: TaskResult | None) -> Entry:
    if task is None:
        return NOT_MEASURED
    marks = (
        *([] if task.is_official or task.group not in GROUPS else [Mark.UNOFFICIAL]),
        *named.marks,
        *([] if task.group in GROUPS else [Mark.OTHER]),
    )
    return Entry(percent=100 * task.accuracy, marks=marks)
