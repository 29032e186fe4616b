"""Progress: a bar on a terminal, few plain lines in a log."""

import io
import re
import types

import pytest

from common import progress as module
from common.progress import progress, say


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def log(monkeypatch):
    """A stderr that is no terminal, as in ``nohup ... &> log``."""
    stream = io.StringIO()
    monkeypatch.setattr(module, "sys", types.SimpleNamespace(stderr=stream))
    return stream


@pytest.fixture
def terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(module, "sys", types.SimpleNamespace(stderr=stream))
    return stream


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves: clock[0] is the time in seconds."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_quick_work_leaves_one_line_in_a_log(log, clock):
    items = []
    for item in progress(range(1190), "tokenising", unit="question"):
        items.append(item)
        clock[0] += 0.001
    assert items == list(range(1190))
    assert log.getvalue() == "tokenising: 1,190 questions, 1000.0 questions/s, in 00:01\n"


def test_long_work_leaves_a_line_each_ten_seconds(log, clock):
    with progress(None, "training", total=50, unit="step") as bar:
        for step in range(50):
            clock[0] += 1
            bar.update(1, note="loss %d" % step)
    lines = log.getvalue().splitlines()
    assert lines[0] == "training: 10 of 50 steps, 20%, 1.0 steps/s, 00:40 left, loss 9"
    assert lines[-1] == "training: 50 steps, 1.0 steps/s, in 00:50, loss 49"
    assert len(lines) == 6


def test_work_done_before_is_not_in_the_rate(log, clock):
    with progress(None, "decoding", total=100, unit="window", initial=80) as bar:
        clock[0] += 10
        bar.update(5)
    assert log.getvalue().splitlines() == [
        "decoding: 85 of 100 windows, 85%, 0.500 windows/s, 00:30 left",
        "decoding: 85 of 100 windows, 85%, 0.500 windows/s, in 00:10",
    ]


def test_work_of_unknown_length(log, clock):
    for _ in progress(iter("ab"), "reading", unit="line"):
        clock[0] += 11
    assert log.getvalue().splitlines() == [
        "reading: 1 line, 0.091 lines/s",
        "reading: 2 lines, 0.091 lines/s",
        "reading: 2 lines, 0.091 lines/s, in 00:22",
    ]


def test_stopped_work_says_how_far_it_came(log):
    with pytest.raises(ValueError), progress(None, "reading", total=3, unit="line") as bar:
        bar.update()
        raise ValueError
    assert re.match(r"reading: 1 of 3 lines, 33%, .* in 00:00\n$", log.getvalue())


def test_a_closed_display_says_nothing_more(log):
    with progress([], "reading") as bar:
        bar.close()
    assert log.getvalue().count("\n") == 1


def test_a_terminal_gets_a_bar(terminal):
    assert list(progress("abc", "reading", unit="line")) == list("abc")
    assert "\r" in terminal.getvalue()
    assert re.search(r"reading: 100%.*3/3 .* line", terminal.getvalue())


def test_a_bar_shows_the_note(terminal):
    with progress(None, "training", total=2, unit="step") as bar:
        bar.update(2, note="loss 0.31")
    assert "loss 0.31" in terminal.getvalue()


def test_say_writes_a_line_to_stderr(log, capsys):
    say("3 answers left out")
    assert log.getvalue() == "3 answers left out\n"
    assert capsys.readouterr().out == ""
