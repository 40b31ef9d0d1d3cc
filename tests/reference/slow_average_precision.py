"""COCO's average precision by loops, for boxes x0, y0, x1, y1."""

import numpy as np

OVERLAPS = [0.5 + 0.05 * number for number in range(10)]


def overlap(found, true, *, crowd):
    """Intersection over union; over the found box alone where the true one is a crowd."""
    wide = max(0.0, min(found[2], true[2]) - max(found[0], true[0]))
    high = max(0.0, min(found[3], true[3]) - max(found[1], true[1]))
    area, other = ((box[2] - box[0]) * (box[3] - box[1]) for box in (found, true))
    return wide * high / (area if crowd else area + other - wide * high)


def judged(found, scores, true, difficult, least):
    """(score, right) of every box that counts: the best first takes the true box it covers best, each only once."""
    taken, kept = set(), []
    for at in sorted(range(len(found)), key=lambda at: -scores[at]):
        covers = {
            to: overlap(found[at], true[to], crowd=difficult[to])
            for to in range(len(true))
            if difficult[to] or to not in taken
        }
        good = {to: cover for to, cover in covers.items() if cover >= least}
        sure = {to: cover for to, cover in good.items() if not difficult[to]}
        if sure:
            taken.add(max(sure, key=sure.get))
            kept.append((scores[at], True))
        elif not good:
            kept.append((scores[at], False))
    return kept


def average_precision(images, label, least):
    """Of one class at one overlap: the mean over 101 recalls of the best precision from there on; None without objects.

    Images are (boxes, labels, scores, true boxes, true labels, difficult), lists.
    """
    marks, objects = [], 0
    for found, labels, scores, true, true_labels, difficult in images:
        ours = [at for at, each in enumerate(labels) if each == label]
        theirs = [at for at, each in enumerate(true_labels) if each == label]
        objects += sum(not difficult[at] for at in theirs)
        parts = [found[at] for at in ours], [scores[at] for at in ours]
        marks += judged(*parts, [true[at] for at in theirs], [difficult[at] for at in theirs], least)
    if not objects:
        return None
    right, points = 0, []
    for count, (_, is_right) in enumerate(sorted(marks, key=lambda mark: -mark[0]), start=1):
        right += is_right
        points.append((right / objects, right / count))
    best = [
        max((precision for recall, precision in points if recall >= r), default=0.0) for r in np.linspace(0, 1, 101)
    ]
    return sum(best) / len(best)
