"""Cells beyond the sixty: zones offered, single heads, runs of layers, every layer at once."""

import json
import re

import pytest

import get_results
import visualize_att_zone
from maps import kinds
from maps.panels import Choice, read_panel
from maps.tables import read_significance
from tests.support.refusals import refusal
from tests.support.small_map import LAYERS, answers, write_questions, write_run
from zones.cells import PREDICTIONS, Cell, file_name

MINUS = "\N{MINUS SIGN}"
HEADS = 3


def put(folder, cell, right):
    (folder / file_name(PREDICTIONS, cell)).write_text(json.dumps(answers(right)))


def right_of_head(layer, head, zone):
    return 30 - (1 + layer + 4 * head + (12 if zone == "union" else 0))


@pytest.fixture
def root(tmp_path):
    write_questions(tmp_path / "dev.json")
    folder = write_run(tmp_path / "a")
    for layer in range(LAYERS):
        put(folder, Cell(layer, "union"), 3 - layer)
        for head in range(HEADS):
            for zone in ("p2q", "union"):
                put(folder, Cell(layer, zone, head=head), right_of_head(layer, head, zone))
    for first, last, right in ((0, 1, 14), (1, 2, 16), (0, 2, 6)):
        put(folder, Cell(first, "p2q", last_layer=last), right)
    put(folder, Cell(None, "q2"), 9)
    put(folder, Cell(None, "union"), 2)
    for zone in ("all", "q2", "q2p", "p2q", "p2", "union"):  # the spans have a third layer
        put(folder, Cell(2, zone), 30)
    return tmp_path


def collect(root, *more, baseline=True):
    argv = [root / "a", root / "results.csv", "--data-file", root / "dev.json"]
    if baseline:
        argv += ["--baseline", root / "a" / "predictions.json"]
    get_results.main([*map(str, argv), *more])


def draw(root, table, baseline, *more):
    argv = [root / table, baseline, root / "map.svg", "--annot"]
    visualize_att_zone.main([*map(str, argv), *more])
    svg = (root / "map.svg").read_text(encoding="utf-8")
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_union_is_a_column_when_asked_for(root, capsys):
    collect(root, baseline=False)
    lines = (root / "results.csv").read_text().splitlines()
    assert lines[0] == "layer,all,q2,q2p,p2q,p2"
    collect(root, "--zones", "UNION,q2")
    with_union = (root / "results.csv").read_text().splitlines()
    assert with_union[0] == lines[0] + ",union"
    assert with_union[1:] == [a + b for a, b in zip(lines[1:], (",7.5", ",5", ",75"))]
    assert len(read_significance(root / "results_significance.csv")) == 18
    texts = draw(root, "results.csv", root / "results_significance.csv")
    assert "UNION" in texts and MINUS + "67.5" in texts
    line = refusal(capsys_after(capsys), get_results.main, root / "a", root / "x.csv", "--zones=q3")
    assert "--zones: there is no zone 'q3'; choose from all, q2" in line
    assert "--zones_file" not in line  # which this command does not take
    (root / "a" / "predictions_layer1_union.json").unlink()
    argv = [root / "a", root / "x.csv", "--zones=union"]
    assert "union in layer 2 is missing; " in refusal(capsys, get_results.main, *argv)


def capsys_after(capsys):
    capsys.readouterr()
    return capsys


def test_single_heads(root, capsys):
    collect(root)
    assert "results_heads.csv and " in capsys.readouterr().out
    lines = (root / "results_heads.csv").read_text().splitlines()
    assert lines[0] == "layer,head,zone,exact,f1" and len(lines) == 1 + LAYERS * HEADS * 2
    # Counted from 1: head 2 of layer 1, where 30 - (1 + 0 + 4) of 40 are right.
    assert "1,2,p2q,62.500,62.500" in lines
    texts = draw(root, "results_heads.csv", "75", "--zone", "P2Q")
    assert "Head in which P2Q is masked" in texts
    wanted = {
        "%s%.1f" % (MINUS, 2.5 * (1 + n + 4 * h)) for n in range(LAYERS) for h in range(HEADS)
    }
    assert wanted <= set(texts)
    argv = [root / "results_heads.csv", 75, root / "map.pdf"]
    capsys.readouterr()
    assert "--zone: %s has the zones p2q, union; choose one" % argv[0] in refusal(
        capsys, visualize_att_zone.main, *argv
    )
    assert "and not q2" in refusal(capsys, visualize_att_zone.main, *argv, "--zone=q2")
    assert "--std: deviations over runs are known of results.csv only" in refusal(
        capsys, visualize_att_zone.main, *argv, "--zone=p2q", "--std"
    )


def test_the_correction_is_over_the_heads_that_are_drawn(root):
    for layer in range(LAYERS):
        for head in range(HEADS):
            for zone in ("p2q", "union"):
                put(root / "a", Cell(layer, zone, head=head), 30)
    put(root / "a", Cell(0, "p2q", head=2), 12)  # p = 0.0076: times 12 it is 0.09, times 6 0.045
    collect(root)
    table = str(root / "results_heads_significance.csv")
    assert not read_significance(table, kinds.HEADS)["significant"].any()
    panel = read_panel(str(root / "results_heads.csv"), table, Choice(zone="p2q"))
    assert (~panel.unsure).to_numpy().tolist() == [[False] * 3, [False, False, True]]


def test_runs_of_layers(root, capsys):
    collect(root)
    assert (root / "results_spans.csv").read_text().splitlines() == [
        "layer,last_layer,zone,exact,f1",
        "1,2,p2q,35.000,35.000",
        "1,3,p2q,15.000,15.000",
        "2,3,p2q,40.000,40.000",
    ]
    texts = draw(root, "results_spans.csv", root / "a", "--span", "2")
    # Each stands at its first layer and says its last.
    assert {"1\N{EN DASH}2", "2\N{EN DASH}3", MINUS + "40.0", MINUS + "35.0"} <= set(texts)
    assert "1\N{EN DASH}3" not in texts
    table = str(root / "results_spans_significance.csv")
    assert MINUS + "60.0" in draw(root, "results_spans.csv", table, "--span=3")
    capsys.readouterr()
    argv = [root / "results_spans.csv", 75, root / "map.pdf"]
    line = refusal(capsys, visualize_att_zone.main, *argv)
    assert "--span: %s has the runs of so many layers 2, 3; choose one" % argv[0] in line


def test_every_layer_at_once(root):
    collect(root)
    lines = (root / "results_every.csv").read_text().splitlines()
    assert lines == ["zone,exact,f1", "q2,22.500,22.500", "union,5.000,5.000"]
    texts = draw(root, "results_every.csv", str(root / "results_every_significance.csv"))
    assert {"Q2", "UNION", "all", MINUS + "52.5", MINUS + "70.0"} <= set(texts)


def test_a_folder_of_heads_only(root, capsys):
    for path in (root / "a").iterdir():
        if "_head" not in path.name and path.name != "predictions.json":
            path.unlink()
    collect(root)
    out = capsys.readouterr().out
    assert "no single layer was decoded; %s is not written" % (root / "results.csv") in out
    assert not (root / "results.csv").exists()
    assert (root / "results_heads_significance.csv").exists()


def test_several_runs_of_heads(root):
    second = write_run(root / "b")
    for zone in ("all", "q2", "q2p", "p2q", "p2"):
        put(second, Cell(2, zone), 30)
    put(second, Cell(0, "p2q", head=1), 20)
    argv = [root / "a", root / "b", root / "results.csv", "--data-file", root / "dev.json"]
    get_results.main([*map(str, argv), "--baseline", "predictions.json"])
    lines = (root / "results_heads.csv").read_text().splitlines()
    # The only head that both runs have; 25 and 20 of 40.
    assert lines[1:] == ["1,2,p2q,56.250,56.250"]


@pytest.mark.parametrize("name", ["results_heads.csv", "results_spans.csv", "results_every.csv"])
def test_a_cell_that_stands_there_twice(root, capsys, name):
    collect(root)
    capsys.readouterr()
    path = root / name
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")
    argv = [path, 75, root / "map.pdf"]
    assert "stands there twice" in refusal(capsys, visualize_att_zone.main, *argv)
