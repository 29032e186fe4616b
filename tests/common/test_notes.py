"""The forms of notes: what is of one, and where what is not of it is at fault."""

import json
import re

import pytest

from common import notes
from common.notes import Between, fault

FORM = {
    "run": re.compile("[a-z]+"),
    "place?": [str, (int, None)],
    "commands?": [[str]],
    "chance?": Between(0, 1),
    "sample?": ({"questions": range(5)}, None),
    "is_new?": True,
    "flags?": {"old?": bool, str: (float, "none")},
}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"place": ["x", 1], "commands": [], "chance": 1, "other": [{"anything": None}]},
        {"place": ["x", None], "commands": [[], ["a", "b"]], "chance": 0.5, "is_new": True},
        {"sample": None, "flags": {}},
        {"sample": {"questions": 4, "of": "x"}, "flags": {"old": False, "a": 2, "b": "none"}},
    ],
)
def test_what_is_of_the_form(more, tmp_path):
    value = {"run": "abc", **more}
    assert fault(value, FORM) is None
    path = tmp_path / "note.json"
    path.write_text(json.dumps(value))
    assert notes.read(str(path), FORM) == value


@pytest.mark.parametrize(
    "value, found",
    [
        ([], "it is a list"),
        (None, "it is None"),
        ({}, "run is missing"),
        ({"run": "A"}, "run is 'A'"),
        ({"run": ["a"]}, "run is a list"),
        ({"run": "a", "place": ["x"]}, "place is a list"),
        ({"run": "a", "place": ["x", True]}, "place[1] is True"),
        ({"run": "a", "commands": [["x"], [{}]]}, "commands[1][0] is an object"),
        ({"run": "a", "chance": 1.5}, "chance is 1.5"),
        ({"run": "a", "chance": True}, "chance is True"),
        ({"run": "a", "sample": 3}, "sample is 3"),
        ({"run": "a", "sample": {"questions": 5}}, "sample is an object"),
        ({"run": "a", "is_new": 1}, "is_new is 1"),
        ({"run": "a", "flags": {"old": 1}}, "flags.old is 1"),
        ({"run": "a", "flags": {"a": "x" * 50}}, "flags.a is '%s..." % ("x" * 36)),
        ({"run": "a", "flags": {"a": 10**400}}, "flags.a is 1%s..." % ("0" * 36)),
        ({"run": "a", "flags": {"a": float("nan")}}, "flags.a is nan"),
    ],
)
def test_what_is_not_is_named(value, found):
    assert fault(value, FORM) == found


def test_what_cannot_be_read_is_no_note(tmp_path):
    path = tmp_path / "note.json"
    for content in (b"", b"{", b'{"run": 1}', b'"\xff"', b"[" * 9999):
        path.write_bytes(content)
        assert notes.read(str(path), FORM) is None
    assert notes.read(str(tmp_path / "none.json"), FORM) is None
