"""The commands that score, draw, compare and show, on files that were damaged at random.

Either what they write is right, by a reader of its own, or one line says what is wrong with which
file, and nothing is written.
"""

import csv
import json
import shutil

import pytest
from hypothesis import strategies as st

import compare_results
import get_results
import report
import visualize_att_zone
from tests.commands.test_fuzzed_data import golds_of, naive_metric
from tests.support import small_map
from tests.support.fuzz import damaged, files_after, fuzzed, run
from zones.masks import ZONES

DATA, TABLE = "data.json", "results.csv"
PREDICTIONS = ["a/predictions%s.json" % cell for cell in ("", "_layer0_q2", "_layer1_p2")]
NOTES = ["a/.decoding/finished/predictions_layer0_q2.json", "a/.decoding/runs/run.json"]
TABLES = [TABLE, "results.json"]
TABLES += ["results_%s.csv" % name for name in ("std", "significance", "long", "heads")]
FIELDS = ["", " ", "-", "x", "nan", "inf", "-1", "1e9", "101", "80,5", "3", "0", '"', "q2", "p2p"]
FIELDS += ["\ufeff", "9" * 400, "1;2", "1\t2", "80.5%", "\u0663", "#", "\x00", "1e400"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with questions, the predictions of two runs, and the tables of both."""
    folder = tmp_path_factory.mktemp("made")
    small_map.write_questions(folder / DATA)
    runs = [small_map.write_run(folder / name, shift) for name, shift in (("a", 0), ("b", 1))]
    for run_folder in runs:
        for head in range(2):
            text = json.dumps(small_map.answers(20 + head))
            (run_folder / ("predictions_layer0_head%d_q2.json" % head)).write_text(text)
    small_map.note_decoding(runs[0], folder / DATA, "run", max_seq_length=384)
    argv = [*runs, folder / TABLE, "--data-file", folder / DATA, "--baseline", "predictions.json"]
    assert run(get_results.main, *argv)[0] == 0
    return folder


@st.composite
def contents(draw, content, is_json):
    """The bytes of a file after a change of what is written in it; None where it is gone."""
    kind = draw(st.sampled_from(["values", "values", "bytes", "other"]))
    if kind == "bytes":
        return damaged(draw, content)
    if kind == "other":
        others = [b"", b"<html>", b"version https://git-lfs.github.com/spec/v1\noid sha256:4\n"]
        others += [content.decode().encode("utf-16"), content.replace(b"\n", b"\r\n"), None]
        others += [content.replace(b",", b";"), content.replace(b",", b"\t"), content.upper()]
        others += [content.replace(b",", b";").replace(b".", b","), content.replace(b".", b",")]
        return draw(st.sampled_from(others))
    if is_json:
        return draw(files_after([json.loads(content.decode())]))
    rows = list(csv.reader(content.decode().splitlines()))
    for _ in range(draw(st.integers(1, 2))):
        row = draw(st.sampled_from(rows))
        place = draw(st.integers(0, len(row)))
        how = draw(st.sampled_from(["text", "text", "text", "out", "in", "row", "twice"]))
        if how in ("text", "out") and row:
            del row[min(place, len(row) - 1)]
        if how in ("text", "in"):
            row.insert(place, draw(st.sampled_from(FIELDS)))
        if how == "row" and len(rows) > 1:
            rows.remove(row)
        if how == "twice":
            rows.append(row)
    return "\n".join(map(",".join, rows)).encode() + b"\n"


def copy_changed(made, folder, names, data):
    """A copy of what was made, in which at most two of the files are others."""
    place = folder / "fuzzed"
    shutil.rmtree(str(place), ignore_errors=True)
    shutil.copytree(str(made), str(place))
    for name in data.draw(st.lists(st.sampled_from(names), max_size=2, unique=True)):
        content = data.draw(contents((made / name).read_bytes(), name.endswith(".json")))
        (place / name).unlink()
        if content is not None:
            (place / name).write_bytes(content)
    return place


def check_refused(status, said, written):
    """Refused in one line, before which there may be notes; nothing was written."""
    *notes, line = said.splitlines()
    assert status == 2 and all(note.startswith(("NOTE", "WARNING")) for note in notes), said
    assert line and not list(written.parent.glob(written.stem + "*"))


def exact_match(path, golds):
    """That of a prediction file; raises what Python raises where it is none of these questions."""
    texts = json.loads(path.read_text(encoding="utf-8-sig"))
    assert set(texts) == set(golds) and all(isinstance(text, str) for text in texts.values())
    return naive_metric(golds, texts)[0]


def check_scores(folder, made, data):
    """get_results.py and report.py on predictions and questions."""
    place = copy_changed(made, folder, [DATA, *PREDICTIONS, *NOTES], data)
    for path in place.glob("results*"):
        path.unlink()
    argv = [place / "a", place / TABLE, "--data-file", place / DATA]
    status, printed, said = run(get_results.main, *argv)
    try:
        golds = golds_of(json.loads((place / DATA).read_text(encoding="utf-8-sig")))
        scores = {path.name: exact_match(path, golds) for path in place.glob("a/*_layer*.json")}
        expected = [
            [scores["predictions_layer%d_%s.json" % (layer, zone)] for zone in ZONES]
            for layer in range(small_map.LAYERS)
        ]
    except Exception:  # whatever Python says of a file that is another
        check_refused(status, said, place / TABLE)
        check_page(made, place, is_right=False)
        return
    assert status == 0, said
    rows = list(csv.reader((place / TABLE).read_text().splitlines()))
    for row, scores_of_layer in zip(rows[1:], expected):
        assert list(map(float, row[1:])) == pytest.approx(scores_of_layer, abs=5e-4)
    check_page(made, place, is_right=True)


def check_page(made, place, is_right):
    """report.py, which shows cells that are missing as such.

    It needs the baseline, and passages and questions, which a table does not.
    """
    page = place / "page.html"
    status, _, said = run(report.main, place / "a", place / DATA, page)
    changed = {name for name in (DATA, *PREDICTIONS) if is_changed(made / name, place / name)}
    if status:
        check_refused(status, said, page)
        assert not is_right or changed & {DATA, PREDICTIONS[0]}
    else:
        assert page.read_text(encoding="utf-8").endswith("</html>")
        assert is_right or any(not (place / name).exists() for name in changed)


def is_changed(path, copy):
    return not copy.exists() or copy.read_bytes() != path.read_bytes()


def check_tables(folder, made, data):
    """visualize_att_zone.py and compare_results.py on tables."""
    place = copy_changed(made, folder, TABLES, data)
    figure, table = place / "figure.svg", place / data.draw(st.sampled_from(TABLES))
    status, printed, said = run(compare_results.main, place / TABLE, table)
    if status:
        check_refused(status, said, figure)
    else:
        assert printed.splitlines()[-1].startswith("Rank correlation")
    baseline = data.draw(st.sampled_from(["75", place / "results_significance.csv", place / "a"]))
    more = data.draw(st.sampled_from([[], ["--std"], ["--annot"], ["--metric=f1"], ["--zone=q2"]]))
    status, printed, said = run(visualize_att_zone.main, table, baseline, figure, *more)
    if status:
        check_refused(status, said, figure)
    else:
        assert printed == "wrote %s\n" % figure and b"</svg>" in figure.read_bytes()[-20:]


test_scores_are_right_or_refused = fuzzed(st.data(), check_scores, 15, "made")
test_tables_are_read_or_refused = fuzzed(st.data(), check_tables, 8, "made")
test_scores_long = pytest.mark.slow(fuzzed(st.data(), check_scores, 1500, "made"))
test_tables_long = pytest.mark.slow(fuzzed(st.data(), check_tables, 800, "made"))
