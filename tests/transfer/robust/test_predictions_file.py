import json

import numpy as np
import pytest

from vivi.core.errors import ViviError
from vivi.transfer.robust.classes import Groups
from vivi.transfer.robust.predictions_file import read_predictions

GROUPS = Groups(members=((7, 8), (404,), (151, 268)), wordnet={})
EXPECTED = {"val/a/0.JPEG": 2, "val/a/1.JPEG": 0, "val/b/0.JPEG": 1}
NAMES = list(EXPECTED)


def own_scores() -> np.ndarray:
    """Of the benchmark's three classes."""
    return np.array([[0.1, 0.2, 0.7], [5, -1, 0], [-3, -1, -2]])


def imagenet_scores() -> np.ndarray:
    scores = np.zeros((3, 1000))
    scores[:, 999] = 9  # outside the groups
    scores[0, 268], scores[1, 8], scores[2, 404] = 1, 1, 1
    return scores


@pytest.mark.parametrize("scores", [own_scores(), imagenet_scores()], ids=["3", "1000"])
@pytest.mark.parametrize("kind", ["json", "csv", "npz", "logits.npz"])
def test_scores_of_every_kind_of_file(tmp_path, scores, kind):
    path = tmp_path / f"mine.{kind}"
    if kind == "json":
        path.write_text(json.dumps(dict(zip(NAMES, scores.tolist(), strict=True))))
    elif kind == "csv":
        rows = [",".join([name, *map(str, row)]) for name, row in zip(NAMES, scores, strict=True)]
        path.write_text("\n".join([",".join(["path", *map(str, range(scores.shape[1]))]), *rows]) + "\n")
    elif kind == "npz":
        np.savez(path, paths=np.array(NAMES), scores=scores.astype(np.float32))
    else:
        np.savez(path, paths=np.array(NAMES), logits=scores)
    predictions, matched = read_predictions(path, groups=GROUPS)
    assert predictions == EXPECTED
    assert matched == (
        "scores of the benchmark's 3 classes"
        if scores.shape[1] == 3
        else "by number: 1000 outputs without names, taken to be in ImageNet's order"
    )


@pytest.mark.parametrize("kind", ["json", "csv", "npz"])
def test_classes_of_every_kind_of_file(tmp_path, kind):
    path = tmp_path / f"mine.{kind}"
    if kind == "json":
        path.write_text(json.dumps({f"./{name}": of for name, of in EXPECTED.items()}))
    elif kind == "csv":
        path.write_text("path,class\r\n" + "".join(f'"{name}",{of}\r\n' for name, of in EXPECTED.items()))
    else:
        np.savez(path, paths=np.array(NAMES), classes=np.array(list(EXPECTED.values()), np.uint8))
    assert read_predictions(path, groups=GROUPS) == (EXPECTED, "classes")


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("json", "[]", "not a JSON object"),
        ("json", "{}", "not a JSON object"),
        ("json", '{"val/a": 3}', "'val/a': a class is a whole number from 0 to 2, got 3"),
        ("json", '{"val/a": -1}', "whole number"),
        ("json", '{"val/a": 0.5}', "whole number"),
        ("json", '{"val/a": NaN}', "whole number from 0 to 2, got nan"),
        ("json", '{"val/a": 1e30}', "whole number from 0 to 2, got 1e"),
        ("json", '{"val/a": 9223372036854775808}', "a number that is too large"),
        ("json", f'{{"val/a": [1{"0" * 400}, 1, 2]}}', "a number that is too large"),
        ("json", '{"val/a": true}', "'val/a': expected a class or a list"),
        ("json", '{"val/a": "dog"}', "'val/a': expected a class or a list"),
        ("json", '{"val/a": []}', "'val/a': expected a class or a list"),
        ("json", '{"val/a": 1, "val/b": [1, 2, 3]}', "mixes classes and scores"),
        ("json", '{"val/a": [1, 2], "val/b": [1, 2, 3]}', "several lengths"),
        ("json", '{"val/a": [1, 2]}', "has 2 scores a frame"),
        ("json", '{"val/a": [1, NaN, 3]}', "'val/a': a score is not finite"),
        ("json", '{"val/a": 1, "./val/a": 2}', "two predictions for 'val/a'"),
        ("csv", "val/a,1\n", "first line 'path,class'"),
        ("csv", "path,class\n", "first line 'path,class'"),
        ("csv", "path,class\nval/a,dog\n", "'dog'"),
        ("csv", "path,class\nval/a,nan\n", "whole number from 0 to 2, got nan"),
        ("csv", "path,0,1,2\nval/a,1,2,3\nval/b,1\n", "record 3: 2 columns, the first line has 4"),
        ("npz", "no zip", "not readable as npz"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(tmp_path, kind, text, told):
    path = tmp_path / f"mine.{kind}"
    path.write_text(text)
    with pytest.raises(ViviError, match=told) as caught:
        read_predictions(path, groups=GROUPS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"scores": own_scores()}, "needs the array `paths`"),
        ({"paths": np.array(NAMES)}, "one of `classes`, `scores`"),
        ({"paths": np.array(NAMES), "scores": own_scores(), "classes": np.zeros(3, int)}, "one of `classes`, `scores`"),
        ({"paths": np.arange(3), "scores": own_scores()}, "of text"),
        ({"paths": np.array(NAMES), "scores": own_scores()[:2]}, r"scores has shape \[2, 3\] for 3 paths"),
        ({"paths": np.array(NAMES), "classes": own_scores()}, "classes has shape"),
        ({"paths": np.array(NAMES), "classes": np.array([0, np.nan, 1])}, f"'{NAMES[1]}': .* got nan"),
        ({"paths": np.array(NAMES), "classes": np.array(NAMES)}, "classes has shape"),
    ],
)
def test_what_is_wrong_with_arrays(tmp_path, arrays, told):
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(ViviError, match=told):
        read_predictions(tmp_path / "mine.npz", groups=GROUPS)


def test_damaged_arrays_and_single_ones_are_told(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, paths=np.array(NAMES * 99), scores=np.random.default_rng(0).random((297, 3)))
    data = bytearray(path.read_bytes())
    places = [at for at in range(len(data)) if at % 199 == 0]
    for at in places:  # headers, checksums, and the packed numbers themselves
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) * 9 + data[at + 9 :])
        with pytest.raises(ViviError) as caught:
            read_predictions(path, groups=GROUPS)
        assert str(path) in str(caught.value)
    with path.open("wb") as file:
        np.save(file, own_scores())
    with pytest.raises(ViviError, match="it holds a single array without a name"):
        read_predictions(path, groups=GROUPS)


def test_pickled_objects_are_never_loaded(tmp_path):
    np.savez(tmp_path / "mine.npz", paths=np.array(NAMES, dtype=object), scores=own_scores())
    with pytest.raises(ViviError, match="without pickled objects"):
        read_predictions(tmp_path / "mine.npz", groups=GROUPS)
