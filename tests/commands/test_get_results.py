"""results.csv from a folder of prediction files: its exact form, and folders that are not whole."""

import json
import random

import pytest

import compare_results
import eval_squad
import get_results
import report
import visualize_att_zone
from maps import columns, tables
from tests.support.refusals import refusal
from zones.cells import BASELINE, NBEST, PREDICTIONS, Cell, cells_of, file_name
from zones.masks import ZONES

NUM_LAYERS, NUM_QUESTIONS = 3, 16
HEADER = "layer,all,q2,q2p,p2q,p2"
IDS = ["q%d" % number for number in range(NUM_QUESTIONS)]


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def predictions(right, nearly=0):
    """Predictions of which the first are right, the next share one word of two with the gold."""
    texts = ["gold ring"] * right + ["gold tooth"] * nearly
    return dict(zip(IDS, texts + ["wrong"] * NUM_QUESTIONS))


@pytest.fixture
def folder(tmp_path):
    """A whole folder: in layer ``k`` (from 0), zone number ``z``: ``k + 2 z`` right, 3 nearly."""
    answers = [{"text": "gold ring", "answer_start": 0}]
    questions = [{"id": key, "question": "?", "answers": answers} for key in IDS]
    data = {"data": [{"paragraphs": [{"context": "", "qas": questions}]}]}
    write(tmp_path / "dev.json", data)
    cells = tmp_path / "prediction"
    cells.mkdir()
    for cell in cells_of(NUM_LAYERS):
        right = cell.layer + 2 * ZONES.index(cell.zone)
        write(cells / file_name(PREDICTIONS, cell), predictions(right, nearly=3))
    return cells


def argv(folder, *more):
    root = folder.parent
    return [str(folder), str(root / "results.csv"), "--data-file", str(root / "dev.json"), *more]


def refused(capsys, folder):
    """The line that refuses a folder; the results file is as it was before."""
    path = folder.parent / "results.csv"
    write(path, "an old table")
    line = refusal(capsys, get_results.main, *argv(folder))
    assert path.read_text() == "an old table"
    assert not [name for name in path.parent.iterdir() if ".tmp" in name.name]
    return line


# The table --------------------------------------------------------------------------------------


def test_exact_match(folder, capsys):
    assert get_results.main(argv(folder)) is None
    # Sixteenths in percent: 6.25, 12.5, ...
    assert (folder.parent / "results.csv").read_bytes().decode().split("\n") == [
        HEADER,
        "1,0,12.5,25,37.5,50",
        "2,6.25,18.75,31.25,43.75,56.25",
        "3,12.5,25,37.5,50,62.5",
        "",
    ]
    printed = capsys.readouterr().out
    assert "Exact match in percent over 16 questions" in printed
    assert printed.splitlines()[2].split() == ["layer", *map(str.upper, ZONES)]
    assert printed.splitlines()[4].split() == "2 6.250 18.750 31.250 43.750 56.250".split()
    assert printed.splitlines()[-1] == "wrote %s" % (folder.parent / "results.csv")


def test_f1(folder, capsys):
    get_results.main(argv(folder, "--use-f1"))
    # Three answers share half of their words: 1.5 of 16, 9.375, is added to each.
    assert (folder.parent / "results.csv").read_text().splitlines()[1:] == [
        "1,9.375,21.875,34.375,46.875,59.375",
        "2,15.625,28.125,40.625,53.125,65.625",
        "3,21.875,34.375,46.875,59.375,71.875",
    ]
    assert "F1 in percent" in capsys.readouterr().out


def test_other_files_do_not_count(folder):
    get_results.main(argv(folder))
    before = (folder.parent / "results.csv").read_bytes()
    write(folder / file_name(PREDICTIONS, BASELINE), "not even JSON")
    for cell in (Cell(0, "union"), Cell(None, "q2", head=1), Cell(0, "q2", last_layer=1, head=2)):
        write(folder / file_name(PREDICTIONS, cell), "not even JSON")
        write(folder / file_name(NBEST, cell), "not even JSON")
    for name in ("predictions_layer01_q2.json", "predictions_layer9_q3.json", "notes.txt"):
        write(folder / name, "not even JSON")
    get_results.main(argv(folder))
    assert (folder.parent / "results.csv").read_bytes() == before


def test_golden_cells(golden, tmp_path, capsys):
    data, cells = str(golden / "questions.json"), golden / "expected"
    get_results.main([str(cells), str(tmp_path / "results.csv"), "--data-file", data])
    capsys.readouterr()
    rows = [row.split(",") for row in (tmp_path / "results.csv").read_text().splitlines()]
    assert [row[0] for row in rows] == ["layer", "1", "2", "3", "4"]
    for layer, row in enumerate(rows[1:]):
        for zone, value in zip(rows[0][1:], row[1:]):
            path = str(cells / file_name(PREDICTIONS, Cell(layer, zone)))
            eval_squad.main([data, path])
            exact = json.loads(capsys.readouterr().out)["exact"]
            assert float(value) == round(exact, 3)


@pytest.mark.parametrize("name", ["table1.csv", "table2.csv"])
def test_published_tables_are_written_as_they_are_read(shared, tmp_path, name):
    table = tables.read_results(shared / "tables" / name)
    columns.write_rows(tmp_path / name, table.reset_index())
    assert (tmp_path / name).read_bytes() == (shared / "tables" / name).read_bytes()


@pytest.mark.parametrize(
    "value, text",
    [
        (78.34437, "78.344"),
        (80.36, "80.36"),
        (80.5676, "80.568"),
        (80.5, "80.5"),
        (79.99961, "80"),
        (100.0, "100"),
        (20.0, "20"),
        (0.0004, "0"),
        (0.0, "0"),
        (1e-7, "0"),
    ],
)
def test_scores_have_three_decimals_at_most(value, text):
    assert columns.format_score(value) == text


def test_rows_are_in_the_order_of_the_layers_from_twelve_on(folder):
    for cell in cells_of(12):
        write(folder / file_name(PREDICTIONS, cell), predictions(cell.layer))
    get_results.main(argv(folder))
    rows = (folder.parent / "results.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [
        [str(number), "%g" % (100 * (number - 1) / 16)] for number in range(1, 13)
    ]


# Folders that are not whole ---------------------------------------------------------------------


def test_missing_cells_are_listed(folder, capsys):
    missing = [Cell(0, "q2"), Cell(1, "p2"), Cell(2, "p2")]
    for cell in missing:
        (folder / file_name(PREDICTIONS, cell)).unlink()
    line = refused(capsys, folder)
    assert "%s: q2 in layer 1 and p2 in layers 2-3 are missing; " % folder in line
    assert "bash decode_squad.sh q2 p2; or add --partial" in line


def test_missing_zone_says_what_to_run(folder, capsys):
    for layer in range(NUM_LAYERS):
        (folder / file_name(PREDICTIONS, Cell(layer, "q2p"))).unlink()
    line = refused(capsys, folder)
    assert (
        "q2p in all layers are missing; to decode what is missing: bash decode_squad.sh q2p;"
        in line
    )


def test_layers_count_up_to_the_highest_in_any_file(folder, capsys):
    # Even that of a zone which is not in the table: the model has as many layers.
    write(folder / file_name(PREDICTIONS, Cell(3, "union")), predictions(1))
    line = refused(capsys, folder)
    assert "all, q2, q2p, p2q, p2 in layer 4 are missing" in line
    assert "missing: bash decode_squad.sh; or" in line


def test_a_layer_missing_in_the_middle(folder, capsys):
    for zone in ZONES:
        (folder / file_name(PREDICTIONS, Cell(1, zone))).unlink()
    assert "all, q2, q2p, p2q, p2 in layer 2 are missing" in refused(capsys, folder)


def test_layers_that_were_counted_from_1_are_recognised(folder, capsys):
    for zone in ZONES:
        (folder / file_name(PREDICTIONS, Cell(0, zone))).unlink()
    line = refused(capsys, folder)
    assert "in layer 1 are missing, whose files are named layer0, for there layers count" in line


def test_a_stray_file_of_a_high_layer_gives_no_endless_line(folder, capsys):
    write(folder / "predictions_layer500_q2.json", predictions(1))
    line = refused(capsys, folder)
    assert "all, q2p, p2q, p2 in layers 4-501 and q2 in layers 4-500 are missing" in line
    assert len(line) < 400


def test_a_file_of_a_layer_that_no_model_has(folder, capsys):
    write(folder / "predictions_layer999999999999_q2.json", predictions(1))
    assert "a file of layer 999999999999" in refused(capsys, folder)


def test_a_partly_decoded_folder(folder, capsys):
    """Its table has empty fields, and every script that reads tables takes it."""
    write(folder / file_name(PREDICTIONS, BASELINE), predictions(8))
    for cell in cells_of(NUM_LAYERS, ("p2q", "p2")) + [Cell(1, "q2")]:
        (folder / file_name(PREDICTIONS, cell)).unlink()
    baseline = str(folder / file_name(PREDICTIONS, BASELINE))
    get_results.main(argv(folder, "--partial", "--baseline", baseline))
    out, err = capsys.readouterr()
    assert "NOTE: %s: q2 in layer 2 and p2q, p2 in all layers are missing; " % folder in err
    assert out.splitlines()[4].split() == ["2", "6.250", "-", "31.250", "-", "-"]
    assert "of 8 cells differ" in out
    table = folder.parent / "results.csv"
    assert table.read_text().splitlines()[1:] == [
        "1,0,12.5,25,,",
        "2,6.25,,31.25,,",
        "3,12.5,25,37.5,,",
    ]
    significance = folder.parent / "results_significance.csv"
    assert "2,q2,50.000" + "," * 11 + "50.000" + "," * 7 in significance.read_text().splitlines()
    figure = str(folder.parent / "map.svg")
    visualize_att_zone.main([str(table), str(significance), figure, "--annot"])
    svg = (folder.parent / "map.svg").read_text()
    assert "hatched: not decoded" in svg and "nan" not in svg
    compare_results.main([str(table), str(table)])
    assert "nan" not in capsys.readouterr().out


def test_empty_folder(folder, capsys):
    for path in folder.iterdir():
        path.unlink()
    line = refused(capsys, folder)
    assert "holds no prediction file of a cell, such as predictions_layer0_all.json" in line
    assert line.endswith("run: bash decode_squad.sh")


def test_no_folder(folder, capsys):
    assert "there is no folder" in refused(capsys, folder.parent / "predicton")


def test_file_in_place_of_a_folder(folder, capsys):
    line = refused(capsys, folder.parent / "dev.json")
    assert "dev.json is a file; name the folder" in line


# Files that are not as they should be -----------------------------------------------------------


def test_a_bad_prediction_file_is_named(folder, capsys):
    """What else is refused in one: test_eval_squad_files.py."""
    path = folder / file_name(PREDICTIONS, Cell(1, "p2q"))
    write(path, dict(zip(IDS[2:], IDS)))
    line = refused(capsys, folder)
    assert str(path) in line and "lacks 2 of the 16 questions (q0, q1)" in line


def test_a_directory_in_place_of_a_prediction_file(folder, capsys):
    path = folder / file_name(PREDICTIONS, Cell(1, "p2q"))
    path.unlink()
    path.mkdir()
    assert "%s is a directory" % path in refused(capsys, folder)


def test_a_bad_data_file_is_named(folder, capsys):
    write(folder.parent / "dev.json", {"data": [{"paragraphs": [{}]}]})
    line = refused(capsys, folder)
    assert "--data-file: " in line
    assert "data[0].paragraphs[0]: no 'qas'" in line


def test_the_usual_data_file_missing_says_how_to_get_it(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder.parent)
    line = refusal(capsys, get_results.main, "prediction", "results.csv")
    assert "no file squad/dev-v1.1.json" in line
    assert "bash download_squad.sh" in line


@pytest.mark.parametrize(
    "results, part",
    [("none/results.csv", "results file: there is no directory none"), (".", "is a directory")],
)
def test_a_results_file_that_cannot_be_written(folder, capsys, monkeypatch, results, part):
    monkeypatch.chdir(folder.parent)
    options = ("--data-file", "dev.json")
    assert part in refusal(capsys, get_results.main, "prediction", results, *options)


def test_a_file_that_is_read_is_not_written_over(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder.parent)
    before = (folder.parent / "dev.json").read_bytes()
    options = ("--data-file", "dev.json")
    line = refusal(capsys, get_results.main, "prediction", "./dev.json", *options)
    assert "results file: ./dev.json is a file to read here" in line
    assert (folder.parent / "dev.json").read_bytes() == before


def test_swapped_arguments_are_recognised(folder, capsys):
    root = folder.parent
    line = refusal(capsys, get_results.main, root / "results.csv", folder)
    assert line.endswith(
        "in another order; write them as in: get_results.py prediction results.csv"
    )


def test_what_is_in_a_table_is_said_beside_it(folder):
    write(folder / file_name(PREDICTIONS, BASELINE), predictions(8, nearly=4))
    get_results.main(argv(folder, "--use-f1"))
    facts = json.loads((folder.parent / "results.json").read_text())
    assert (facts["metric"], facts["questions"], facts["reads_cls"]) == ("f1", 16, False)
    (run,) = facts["runs"]
    assert run["name"] == str(folder) and run["baseline"] == {"exact": 50.0, "f1": 62.5}


def test_a_json_file_of_that_name_is_not_written_over(folder, capsys):
    write(folder.parent / "results.json", {"my": "own"})
    line = refused(capsys, folder)
    assert "results.json, too, which is another file" in line
    assert json.loads((folder.parent / "results.json").read_text()) == {"my": "own"}


def test_arguments_are_needed(capsys):
    assert "results_file" in refusal(capsys, get_results.main, "prediction")


@pytest.mark.parametrize(
    "script, example",
    [
        (get_results, "get_results.py prediction results.csv"),
        (visualize_att_zone, "visualize_att_zone.py results.csv 80.567 squad.pdf"),
        (eval_squad, "eval_squad.py squad/dev-v1.1.json predictions.json"),
        (compare_results, "compare_results.py results_a.csv results_b.csv"),
        (report, "report.py prediction squad/dev-v1.1.json report.html"),
    ],
)
def test_help_shows_an_example(capsys, script, example):
    with pytest.raises(SystemExit) as stopped:
        script.main(["--help"])
    assert stopped.value.code == 0
    assert "python " + example in capsys.readouterr().out


def test_the_order_of_questions_in_a_file_does_not_matter(folder):
    rng = random.Random(3)
    expected = {}
    for cell in cells_of(12):
        keys = rng.sample(IDS, NUM_QUESTIONS)
        right = rng.randrange(NUM_QUESTIONS + 1)
        texts = ["Gold ring."] * right + ["no"] * (NUM_QUESTIONS - right)
        write(folder / file_name(PREDICTIONS, cell), dict(zip(keys, texts)))
        expected[cell] = 100 * right / NUM_QUESTIONS
    get_results.main(argv(folder))
    table = tables.read_results(folder.parent / "results.csv")
    assert {cell: table.loc[cell.layer + 1, cell.zone] for cell in expected} == expected
