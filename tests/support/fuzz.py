"""Files with random damage, for the tests that drive commands with them."""

import codecs
import contextlib
import copy
import gzip
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import command_line

VALUES = st.sampled_from(
    [None, True, False, 0, 1, -1, 17.0, 2.5, float("nan"), float("inf"), 10**30, 1e300]
    + [
        "",
        " ",
        "x",
        "the",
        "\u00a0",
        "\ud83d",
        "0",
        "1858",
        "nan",
        "\x00",
        "\u5317\u4eac",
        "a" * 300,
    ]
    + [[], {}, [[]], [{}], ["x"], {"text": ["x"], "answer_start": [0]}, {"text": "x"}]
)
NAMES = st.sampled_from(
    ["data", "paragraphs", "context", "qas", "id", "question", "answers", "text", "answer_start"]
    + ["is_impossible", "context_text", "query_id", "query_text", "title", "x"]
)


def places(node, path=()):
    """All places in a JSON value, as tuples of keys and indices."""
    yield path
    if isinstance(node, (dict, list)):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(value, (*path, key))


def mutated(draw, document):
    """A copy of the document with one thing changed in it."""
    document = copy.deepcopy(document)
    inside = [place for place in places(document) if place]
    if not inside:
        return document
    *path, key = draw(st.sampled_from(inside))
    parent = document
    for step in path:
        parent = parent[step]
    change = draw(st.sampled_from("retype retype remove rename double wrap float pad".split()))
    if change == "retype":
        parent[key] = draw(VALUES)
    elif change == "remove":
        del parent[key]
    elif change == "rename" and isinstance(parent, dict):
        parent[draw(NAMES)] = parent.pop(key)
    elif change == "double" and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    elif change == "wrap":
        parent[key] = [parent[key]]
    elif change == "float" and isinstance(parent[key], int):
        parent[key] = float(parent[key]) + draw(st.sampled_from([0, 0, 1, -1, 0.5]))
    elif change == "pad" and isinstance(parent[key], str):
        parent[key] = (
            draw(st.sampled_from([" %s", "%s ", "\u00a0%s\n", "%s.", "x%s"])) % parent[key]
        )
    return document


# What a place in a note may hold after somebody edited it.
_OTHERS = [None, True, -1, 2.5, 10**30, float("nan"), "\ud83d\x00$\\x$", [], {}]


def every_change(document):
    """Each way to change one place of a JSON value: pairs of what was changed, and the value."""
    for path in places(document):
        if not path:
            for other in _OTHERS:
                yield "all of it is %r" % (other,), other
            continue
        *steps, key = path

        def changed(change):
            """A copy in which a function has changed the parent of the place."""
            copied = copy.deepcopy(document)
            parent = copied
            for step in steps:  # noqa: B023
                parent = parent[step]
            change(parent)
            return copied

        for other in _OTHERS:
            yield "%s is %r" % (path, other), changed(lambda p: p.__setitem__(key, other))  # noqa: B023
        yield "%s is wrapped" % (path,), changed(lambda p: p.__setitem__(key, [p[key]]))  # noqa: B023
        yield "%s is removed" % (path,), changed(lambda p: p.pop(key))  # noqa: B023
        if isinstance(key, str):
            yield "%s is renamed" % (path,), changed(lambda p: p.update(x=p.pop(key)))  # noqa: B023


def damaged(draw, content):
    """The bytes of a file after something went wrong with it."""
    place = draw(st.integers(0, len(content)))
    dropped, byte = draw(st.integers(1, 9)), bytes([draw(st.integers(0, 255))])
    return draw(
        st.sampled_from(
            [
                content[:place],
                content[:place] + content[place + dropped :],
                content[:place] + byte + content[place + 1 :],
                content[:place] + byte + content[place:],
                content + content,
                content + b"\n" + content,
                content.decode("utf-8", "replace").encode("utf-16"),
                content.decode("utf-8", "replace").encode("latin-1", "replace"),
                gzip.compress(content),
                codecs.BOM_UTF8 + content,
                b"<!doctype html>" + content,
            ]
        )
    )


@st.composite
def files_after(draw, documents):
    """The bytes of a file: one of the documents, changed a little or not at all."""
    document = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(0, 2))):
        document = mutated(draw, document)
    content = json.dumps(document, ensure_ascii=draw(st.booleans()), indent=draw(INDENTS))
    content = content.encode("utf-8", "surrogatepass")
    return damaged(draw, content) if draw(st.integers(0, 4)) == 0 else content


INDENTS = st.sampled_from([None, 1])


def run(main, *argv):
    """(exit status, stdout, stderr) of a command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(
        SystemExit
    ) as stopped:
        command_line.run(main, [str(argument) for argument in argv])
    return stopped.value.code or 0, out.getvalue(), err.getvalue()


def fuzzed(strategy, check, count, *fixtures):
    """A test of ``check(folder, *fixtures, drawn)``, with that many values drawn.

    Under the profile "random" (see conftest.py) it is five times as many.
    """

    @settings(
        max_examples=count if settings.default.derandomize else 5 * count,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(drawn=strategy)
    def test(request, tmp_path_factory, drawn):
        given = map(request.getfixturevalue, fixtures)
        check(tmp_path_factory.getbasetemp(), *given, drawn)

    return test
