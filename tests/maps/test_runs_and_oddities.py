"""get_results.py with a baseline and with several runs, its warnings, and compare_results.py."""

import json
import os
import statistics

import pytest

import compare_results
import get_results
import report
from common.finished import FinishedFiles
from common.sample import Sample
from maps.tables import read_results, read_significance
from tests.support.refusals import refusal
from tests.support.small_map import LAYERS, answers, note_decoding, write_questions, write_run
from zones.cells import BASELINE, PREDICTIONS, Cell, cells_of, file_name
from zones.masks import ZONES


@pytest.fixture
def root(tmp_path):
    write_questions(tmp_path / "dev.json")
    write_run(tmp_path / "a")
    return tmp_path


def argv(root, *more, runs="a"):
    folders = [str(root / run) for run in runs]
    return [*folders, str(root / "results.csv"), "--data-file", str(root / "dev.json"), *more]


def lines_on_stderr(root, capsys, *more):
    capsys.readouterr()
    assert get_results.main(argv(root, *more)) is None
    return capsys.readouterr().err.splitlines()


def warnings(root, capsys, *more):
    lines = lines_on_stderr(root, capsys, *more)
    assert all(line.startswith(("WARNING: ", "These masks ")) for line in lines)
    return [line for line in lines if line.startswith("WARNING: ")]


def test_significance_of_one_run(root, capsys):
    get_results.main(argv(root, "--baseline", str(root / "a" / "predictions.json")))
    assert "Baseline 75; " in capsys.readouterr().out
    text = (root / "results_significance.csv").read_text().splitlines()
    assert text[0] == (
        "layer,zone,baseline,score,change,low,high,broken,mended,p,p_holm,significant,mcnemar,"
        "baseline_f1,score_f1,change_f1,low_f1,high_f1,p_f1,p_holm_f1,significant_f1"
    )
    assert text[1].startswith("1,all,75.000,72.500,-2.500,")
    table = read_significance(str(root / "results_significance.csv"))
    assert list(table["zone"]) == list(ZONES) * LAYERS
    row = table.iloc[4]  # layer 1, p2: 21 broken
    assert (row.broken, row.mended, row.change) == (21, 0, -52.5)
    assert row.mcnemar == pytest.approx(2 / 2**21, rel=1e-5) and row.significant
    # Each answer is right or wrong, so that F1 is the same.
    assert (row.change_f1, row.low_f1, row.p_f1) == (row.change, row.low, row.p)
    assert (table["low"] <= table["change"]).all() and (table["change"] <= table["high"]).all()


def test_several_runs(root, capsys):
    write_run(root / "b", shift=1)
    write_run(root / "c", shift=4)
    get_results.main(argv(root, "--baseline", "predictions.json", runs="abc"))
    mean = read_results(str(root / "results.csv"))
    spread = read_results(str(root / "results_std.csv"))
    scores = [100 * (29 - shift) / 40 for shift in (0, 1, 4)]
    assert mean["all"][1] == pytest.approx(statistics.mean(scores), abs=5e-4)
    assert spread["all"][1] == pytest.approx(statistics.stdev(scores), abs=5e-4)
    long = (root / "results_long.csv").read_text().splitlines()
    assert long[0] == "run,layer,zone,exact,f1" and len(long) == 1 + 3 * LAYERS * len(ZONES)
    assert long[1] == "%s,1,all,72.500,72.500" % (root / "a")
    table = read_significance(str(root / "results_significance.csv"))
    # Changes -2.5, -5, -12.5: mean -6.667.
    assert table["change"][0] == pytest.approx(-6.667, abs=1e-3)
    assert table["low"][0] < -12.5 and table["high"][0] > 0  # runs differ much
    assert table["broken"][0] == 1 + 2 + 5 and table["mcnemar"].isna().all()


def test_clusters(root, capsys):
    found = {}
    for unit in ("question", "passage", "article"):
        baseline = str(root / "a" / "predictions.json")
        get_results.main(argv(root, "--baseline", baseline, "--cluster", unit))
        out, err = capsys.readouterr()
        assert "score test clustered by " + unit in out
        few = "dev.json has 4 articles; intervals from so few are not to be trusted"
        assert (few in err) == (unit == "article")
        row = read_significance(str(root / "results_significance.csv")).iloc[0]
        found[unit] = row.high - row.low
    # What is broken in a row is alike within passages, and more so within articles.
    assert found["question"] < found["passage"] < found["article"]


def test_what_the_data_could_have_found(root, capsys):
    baseline = str(root / "a" / "predictions.json")
    get_results.main(argv(root, "--baseline", baseline, "--bootstrap", "500", "--use-f1"))
    out = capsys.readouterr().out
    assert "With 40 questions of 20 passages, a change of " in out
    assert "samples (after the correction for 10 cells); for one of 1 point it takes about" in out
    assert "In 6 of 10 cells fewer than 10 passages change; hold these against McNemar's" in out
    assert "A clustered bootstrap (500 draws, seed 1) has the same ends of intervals" in out
    # Of a cell in which nothing changes, such as these, no draw says anything.
    assert not any("apart: %s in layer 2" % zone in out for zone in ("q2", "q2p"))


def test_runs_of_different_layers_are_refused(root, capsys):
    write_run(root / "b")
    for zone in ZONES:
        (root / "b" / file_name(PREDICTIONS, Cell(1, zone))).unlink()
    line = refusal(capsys, get_results.main, *argv(root, runs="ab"))
    assert "%s has 2, %s has 1; give runs of one model" % (root / "a", root / "b") in line
    assert not list(root.glob("results*"))


def test_a_cell_that_one_run_lacks(root, capsys):
    (write_run(root / "b") / file_name(PREDICTIONS, Cell(0, "q2"))).unlink()
    line = refusal(capsys, get_results.main, *argv(root, runs="ab"))
    assert "%s: q2 in layer 1 is missing; " % (root / "b") in line
    get_results.main(argv(root, "--partial", runs="ab"))
    assert read_results(str(root / "results.csv")).isna().to_numpy().sum() == 1
    assert len((root / "results_long.csv").read_text().splitlines()) == 1 + 2 * LAYERS * len(ZONES)


@pytest.mark.parametrize(
    "runs, more, part",
    [
        ("aa", [], "is named twice"),
        ("ab", ["--baseline", "some/predictions.json"], "a baseline of its own"),
        ("a", ["--baseline", "none.json"], "none.json"),
        ("a", ["--cluster", "book"], "--cluster"),
    ],
)
def test_refused_command_lines(root, capsys, runs, more, part):
    write_run(root / "b")
    assert part in refusal(capsys, get_results.main, *argv(root, *more, runs=runs))
    assert not list(root.glob("results*"))


# Warnings ---------------------------------------------------------------------------------------


def put(root, cell, predictions):
    put_in(root / "a", cell, predictions)


def put_in(folder, cell, predictions):
    (folder / file_name(PREDICTIONS, cell)).write_text(json.dumps(predictions))


def test_a_sound_folder_has_no_warning(root, capsys):
    assert warnings(root, capsys) == []


def test_each_kind_of_oddity_is_one_line(root, capsys):
    for layer in range(LAYERS):
        for zone in ("all", "q2", "p2"):
            put(root, Cell(layer, zone), answers(30))
    put(root, Cell(0, "p2q"), answers(4))
    put(root, Cell(1, "p2q"), answers(4))
    twins, like = warnings(root, capsys)
    assert "p2q in layer 1 (predictions_layer0_p2q.json) = p2q in layer 2 (" in twins
    assert like.count("(predictions_layer") == 5 and "bash decode_squad.sh all q2 p2" in like


def test_q2p_of_the_last_layer_may_change_no_answer_only_without_null_answers(root, capsys):
    path = root / "dev.json"
    data = json.loads(path.read_text())
    data["data"][0]["paragraphs"][0]["qas"][-1]["answers"] = []
    path.write_text(json.dumps(data))
    (line,) = warnings(root, capsys)
    assert "predictions_layer1_q2p.json" in line


def test_files_older_than_the_checkpoint(root, capsys):
    home = root / "model"
    home.mkdir()
    (home / "predictions.json").write_text(json.dumps(answers(30)))
    (home / "model.ckpt-7.index").write_text("")
    old = root / "a" / file_name(PREDICTIONS, Cell(0, "q2"))
    os.utime(str(old), (1, 1))
    for path in set((root / "a").iterdir()) - {old}:
        os.utime(str(path), (2**31, 2**31))
    (line,) = warnings(root, capsys, "--baseline", str(home / "predictions.json"))
    assert "older" in line and "predictions_layer0_q2.json" in line and "layer1" not in line


def test_equal_answers_that_were_decoded_so_are_named_in_one_line_each(root, capsys):
    """In a small demo several masks change nothing; a file copied over is another matter."""
    for zone in ("q2", "q2p", "p2"):
        put(root, Cell(0, zone), answers(30))
    put(root, Cell(0, "p2q"), answers(5))
    put(root, Cell(0, "all"), answers(5))
    finished = FinishedFiles(str(root / "a"), "1")
    for cell in cells_of(LAYERS):
        finished.add(file_name(PREDICTIONS, cell))
    remarks = [
        "These masks change no answer: q2, q2p in all layers and p2 in layer 1.",
        "These masks give the same answers: all in layer 1 = p2q in layer 1.",
    ]
    assert lines_on_stderr(root, capsys) == remarks
    put(root, Cell(1, "p2"), answers(30))
    changed, copied, *others = lines_on_stderr(root, capsys)
    name = "p2 in layer 2 (predictions_layer1_p2.json): "
    assert copied.startswith("WARNING: ") and name + "the answers are those of" in copied
    assert changed.startswith("WARNING: ") and name + "changed after" in changed
    assert others == remarks


def test_files_of_two_runs_and_changed_ones(root, capsys):
    first, second = (FinishedFiles(str(root / "a"), run) for run in ("1", "2"))
    cells = cells_of(LAYERS)
    for cell in cells:
        (second if cell == Cell(0, "q2p") else first).add(file_name(PREDICTIONS, cell))
    put(root, Cell(0, "p2"), answers(5, mark="x"))
    mixed, changed = warnings(root, capsys)
    assert "p2 in layer 1 (predictions_layer0_p2.json): changed after" in changed
    assert "predictions_layer0_q2p.json" in mixed and "layer1" not in mixed


def test_whoever_reads_a_folder_says_what_was_changed_there(root, capsys):
    """The baseline as well as a cell; in table, comparison and report alike."""
    finished = FinishedFiles(str(root / "a"), "1")
    for cell in [BASELINE, *cells_of(LAYERS)]:
        finished.add(file_name(PREDICTIONS, cell))
    assert warnings(root, capsys) == []
    put(root, BASELINE, answers(29))
    put(root, Cell(0, "p2"), answers(5, mark="x"))
    (line,) = warnings(root, capsys)
    assert "the baseline (predictions.json), p2 in layer 1 (predictions_layer0_p2.json): " in line
    assert "changed after it was decoded" in line
    write_run(root / "b")
    data = ["--data-file", str(root / "dev.json")]
    compare_results.main([str(root / "a"), str(root / "b"), *data])
    assert capsys.readouterr().err.splitlines() == [line]
    report.main([str(root / name) for name in ("a", "dev.json", "report.html")])
    assert line in capsys.readouterr().err.splitlines()


# Comparing --------------------------------------------------------------------------------------


def test_the_published_tables(shared, capsys):
    tables = [str(shared / "tables" / name) for name in ("table1.csv", "table2.csv")]
    compare_results.main(tables)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    deviations = {line[0]: line[1] for line in lines[1:6]}
    assert deviations == dict(zip(ZONES, ["0.819", "0.152", "0.132", "1.405", "0.815"]))


def test_largest_difference_and_rank(tmp_path, capsys):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    header = "layer,all,q2,q2p,p2q,p2\n"
    first.write_text(header + "1,1,1,1,1,1\n2,2,2,2,2,2\n3,3,3,3,3,3\n")
    second.write_text(header + "1,3,1,1,1,1\n2,2,2,2,9,2\n3,1,3,3,3,3\n")
    compare_results.main([str(first), str(second)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["all", "2.000", "2.000", "1", "-1.000"]
    assert lines[4] == ["p2q", "4.041", "7.000", "2", "0.500"]
    second.write_text(header + "1,3,1,1,1,1\n2,2,2,2,9,2\n")
    capsys.readouterr()
    assert "3 layers" in refusal(capsys, compare_results.main, str(first), str(second))


def test_a_column_without_variation_has_no_rank(tmp_path, capsys):
    tables = tmp_path / "a.csv", tmp_path / "b.csv"
    for path, layers in zip(tables, ("1,1,1,1,1,1|2,1,2,2,2,2", "1,1,1,1,1,1|2,2,1,2,2,2")):
        path.write_text("layer,all,q2,q2p,p2q,p2\n" + layers.replace("|", "\n") + "\n")
    compare_results.main([str(path) for path in tables])
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert rows[1] == ["all", "0.707", "1.000", "2", "-"]
    assert rows[2] == ["q2", "0.707", "-1.000", "2", "-"]
    assert rows[3] == ["q2p", "0.000", "0.000", "1", "1.000"]
    assert "all, q2 do not vary in one of the tables, and have no rank correlation" in out
    assert "nan" not in out and err == ""
    tables[0].write_text("layer,all,q2,q2p,p2q,p2\n1,1,1,1,1,1\n2,1,1,1,1,1\n")
    compare_results.main([str(path) for path in tables])
    out, err = capsys.readouterr()
    assert "Rank correlation of the two maps: -" in out and err == ""


def test_two_readers_question_by_question(root, capsys):
    write_run(root / "b", right=38, nearly=1)
    put_in(root / "b", Cell(0, "p2q"), answers(0))
    folders = [str(root / run) for run in "ab"]
    data = ["--data-file", str(root / "dev.json")]
    compare_results.main([*folders, *data])
    out, err = capsys.readouterr()
    assert "40 questions of 20 passages" in out and err == ""
    exact, f1 = out.split("\nF1 with")
    assert "Exact match with nothing masked: 75.00 and 95.00, difference +20.00 (" in exact
    assert f1.startswith(" nothing masked: 75.00 and 96.67, difference +21.67 (")
    # Masking breaks 16 more answers of a, and 38 of b.
    for text, changes in (
        (exact, "-40.00 and -95.00, difference -55.00"),
        (f1, "-40.00 and -96.67, difference -56.67"),
    ):
        (line,) = [line for line in text.splitlines() if "masked in" in line]
        assert line.startswith("P2Q masked in layer 1") and changes in line
    assert "nan" not in out
    (root / "b" / "predictions.json").unlink()
    assert "has no predictions.json" in refusal(capsys, compare_results.main, *folders, *data)
    one = [folders[0], root / "results.csv", *data]
    assert "two tables, or two prediction folders" in refusal(capsys, compare_results.main, *one)


def test_tables_that_should_not_be_compared(root, capsys):
    for name, more in (("results.csv", []), ("f1.csv", ["--use-f1"])):
        found = argv(root, *more)
        get_results.main([found[0], str(root / name), *found[2:]])
    capsys.readouterr()
    compare_results.main([str(root / "results.csv"), str(root / "f1.csv")])
    assert "f1.csv hold different scores: exact and f1" in capsys.readouterr().err
    (root / "other").mkdir()
    write_questions(root / "other" / "dev.json", mark="?")
    found = argv(root)
    get_results.main(
        [found[0], str(root / "other.csv"), "--data-file", str(root / "other/dev.json")]
    )
    capsys.readouterr()
    compare_results.main([str(root / "results.csv"), str(root / "other.csv")])
    assert "are of different questions" in capsys.readouterr().err


def test_what_decoded_the_answers_is_noted(root, capsys):
    note_decoding(root / "a", root / "dev.json", "1", max_seq_length=384)
    assert warnings(root, capsys) == []
    facts = json.loads((root / "results.json").read_text())
    (decoding,) = facts["runs"][0]["decoded_by"]
    assert decoding["checkpoint"] == {"file": "model.ckpt-7", "sha256": "11111111"}
    assert decoding["flags"]["max_seq_length"] == 384
    assert decoding["flags"]["predict_file"]["sha256"] == facts["data"]["sha256"]
    assert decoding["commands"] == [["run_squad.py", "--do_sweep=True"]]
    assert facts["command"].startswith("get_results.py ") and facts["versions"]["python"]


def test_runs_of_different_data(root, capsys):
    other = root / "other.json"
    write_questions(other, mark="?")
    note_decoding(root / "a", root / "dev.json", "1")
    note_decoding(write_run(root / "b"), other, "2")
    found = argv(root)
    line = refusal(capsys, get_results.main, found[0], str(root / "b"), *found[1:])
    assert "a answers dev.json, and " in line and "b answers other questions, other.json" in line
    both = [str(root / "a"), str(root / "b"), "--data-file", str(root / "dev.json")]
    assert "answers other questions" in refusal(capsys, compare_results.main, *both)
    # One run, scored by another file than it was decoded from.
    (line,) = warnings(root, capsys, "--data-file", str(other))
    assert "a: its answers are to dev.json as it was then" in line and "--data-file" in line


def test_readers_that_were_decoded_differently(root, capsys):
    write_run(root / "b")
    note_decoding(root / "a", root / "dev.json", "1", max_seq_length=384, do_lower_case=True)
    note_decoding(root / "b", root / "dev.json", "2", max_seq_length=512, do_lower_case=False)
    both = [str(root / "a"), str(root / "b"), "--data-file", str(root / "dev.json")]
    compare_results.main(both)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("b were decoded with different --max_seq_length: 384 and 512")
    for name in "ab":
        found = argv(root)
        get_results.main([str(root / name), str(root / (name + ".csv")), *found[2:]])
    capsys.readouterr()
    compare_results.main([str(root / "a.csv"), str(root / "b.csv")])
    (line,) = capsys.readouterr().err.splitlines()
    assert "were decoded with different --max_seq_length: 384 and 512" in line


@pytest.mark.parametrize(
    "change, doubt",
    [
        (dict(sample=Sample(9, 40, 1)._asdict()), "are of different samples of the questions"),
        (dict(versions={"code": "x"}), "were made by different versions of the code"),
        (dict(code="y"), "were decoded by different versions of the code"),
    ],
)
def test_tables_that_differ_in_more_than_they_should(root, capsys, change, doubt):
    note_decoding(root / "a", root / "dev.json", "1")
    for name in ("results", "other"):
        found = argv(root)
        get_results.main([found[0], str(root / (name + ".csv")), *found[2:]])
        path = root / (name + ".json")
        facts = json.loads(path.read_text())
        facts["runs"][0]["decoded_by"][0]["code"] = "x"
        if name == "other":
            if "code" in change:
                facts["runs"][0]["decoded_by"][0].update(change)
            else:
                facts.update(change)
        path.write_text(json.dumps(facts))
    both = [str(root / name) for name in ("results.csv", "other.csv")]
    capsys.readouterr()
    compare_results.main(both)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "WARNING: %s and %s %s" % (*both, doubt)


def test_tables_of_a_german_spreadsheet(shared, tmp_path, capsys):
    excel = shared / "cases" / "excel_de.csv"
    compare_results.main([str(excel), str(excel)])
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["all", "0.000"]
    table = read_results(excel)
    assert table["all"].tolist() == [88.667, 99.333, 99.667, 99.667]
    text = excel.read_bytes().decode("utf-8-sig")
    for number, (old, new) in enumerate(
        [(";", "\t"), ("layer;", "sep=;\r\nLayer;"), ("p2q", "P2Q")]
    ):
        path = tmp_path / ("%d.csv" % number)
        path.write_bytes(text.replace(old, new).encode())
        assert (read_results(path) == table).all(axis=None)
