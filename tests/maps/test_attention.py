"""What is looked at beside what is needed: attention.csv in the figure and in the report."""

import csv
import json
import math
import re

import pytest

import get_results
import report
import visualize_att_zone
from maps.correlation import spearman
from tests.support.refusals import refusal
from tests.support.report_files import CELLS, Folder
from tests.support.small_map import LAYERS, answers, note_decoding, write_questions, write_run
from zones.cells import PREDICTIONS, Cell, file_name

MINUS = "\N{MINUS SIGN}"
ZONES = ("q2", "q2p", "p2q", "p2", "union")
HEADS = 3


# Spearman's correlation -------------------------------------------------------------------------


def naive_ranks(numbers):
    """1 for the smallest; of equal ones each has the mean of their places."""
    places = [
        [place for place, other in enumerate(sorted(numbers), 1) if other == number]
        for number in numbers
    ]
    return [sum(of_one) / len(of_one) for of_one in places]


def naive_spearman(pairs):
    """(correlation, low, high) of pairs, written out; the ends are None below ten pairs."""
    one, other = (naive_ranks(column) for column in zip(*pairs))
    count = len(pairs)
    middle = (count + 1) / 2
    products = sum((a - middle) * (b - middle) for a, b in zip(one, other))
    squares = [sum((a - middle) ** 2 for a in ranks) for ranks in (one, other)]
    value = products / math.sqrt(squares[0] * squares[1])
    if count < 10:
        return value, None, None
    z = 0.5 * math.log((1 + value) / (1 - value))
    width = 1.959964 * math.sqrt((1 + value * value / 2) / (count - 3))
    ends = [(math.exp(2 * e) - 1) / (math.exp(2 * e) + 1) for e in (z - width, z + width)]
    return (value, *ends)


@pytest.mark.parametrize(
    "pairs",
    [
        [(n, (7 * n) % 11) for n in range(11)],
        [(n // 3, (5 * n) % 13 // 2) for n in range(30)],  # ties on both sides
        [(0.1, 3), (0.2, 3), (0.3, 1), (0.35, 0), (0.4, 2)],
    ],
)
def test_the_correlation_is_the_naive_one(pairs):
    found = spearman(*zip(*pairs))
    value, low, high = naive_spearman(pairs)
    assert found.cells == len(pairs)
    assert found.value == pytest.approx(value, abs=1e-12)
    if low is None:
        assert (found.low, found.high) == (None, None)
    else:
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_pairs_without_a_correlation():
    nan = float("nan")
    assert spearman([1, 2, 3, nan], [4, 5, nan, 6]) is None
    assert spearman([1, 2, 3], [4, 4, 4]) is None
    whole = spearman(range(20), range(20))
    assert (whole.value, whole.low) == (pytest.approx(1), None)


# The file, and the figure -----------------------------------------------------------------------


def weight(layer, head, zone, layers=LAYERS):
    """A mean weight, counted from 1; nothing rounds in it."""
    return (1 + (3 * layer + 5 * head + 7 * ZONES.index(zone)) % 17) / 20


def write_attention(folder, layers=LAYERS, heads=HEADS, zones=ZONES, of=weight):
    lines = ["layer,head,zone,weight"]
    for layer in range(1, layers + 1):
        for head in range(1, heads + 1):
            lines += ["%d,%d,%s,%.6f" % (layer, head, z, of(layer, head, z)) for z in zones]
    (folder / "attention.csv").write_text("\n".join(lines) + "\n")
    return folder / "attention.csv"


@pytest.fixture
def root(tmp_path):
    write_questions(tmp_path / "dev.json")
    folder = write_run(tmp_path / "a")
    for layer in range(LAYERS):
        for head in range(HEADS):
            right = 30 - (1 + layer + 4 * head)
            name = file_name(PREDICTIONS, Cell(layer, "p2q", head=head))
            (folder / name).write_text(json.dumps(answers(right)))
    name = file_name(PREDICTIONS, Cell(0, "p2q", last_layer=1))
    (folder / name).write_text(json.dumps(answers(5)))
    write_attention(folder)
    return tmp_path


def collect(root):
    argv = [root / "a", root / "results.csv", "--data-file", root / "dev.json"]
    get_results.main([*map(str, argv), "--baseline", str(root / "a" / "predictions.json")])


def draw(root, table, *more):
    argv = [root / table, "75", root / "map.svg", "--annot"]
    visualize_att_zone.main([*map(str, argv), *map(str, more)])
    svg = (root / "map.svg").read_text(encoding="utf-8")
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def correlation_in(texts):
    said = " ".join(text.replace("&gt;", ">") for text in texts)
    return re.search(r"Weight and points lost: Spearman's correlation (\S+) (.*?)\.", said)


def test_a_figure_of_layers_and_zones(root):
    collect(root)
    for given in (root / "a", root / "a" / "attention.csv"):
        texts = draw(root, "results.csv", "--attention", given)
        assert "Zone looked at" in texts and "Mean weight (%)" in texts
        svg = (root / "map.svg").read_text(encoding="utf-8")
        # The names of the zones stand upright below both maps.
        assert len(re.findall(r"rotate\(-?0[^0-9][^>]*>P2Q<", svg)) == 2
        pairs = []
        with open(str(root / "results.csv")) as lines:
            for row in csv.DictReader(lines):
                for zone in ("q2", "q2p", "p2q", "p2"):
                    shares = [weight(int(row["layer"]), head, zone) for head in (1, 2, 3)]
                    mean = sum(shares) / HEADS
                    assert "%.1f" % (100 * mean) in texts
                    pairs.append((round(mean, 6), round(75 - float(row[zone]), 3)))
        value, _, _ = naive_spearman(pairs)
        found = correlation_in(texts)
        assert float(found.group(1)) == pytest.approx(value, abs=0.00501)
        assert "(8 cells, too few for an interval)" in " ".join(texts)
        assert "Above 0, cells that get more weight tend to be needed more" in " ".join(texts)


def test_a_figure_of_heads(root):
    collect(root)
    texts = draw(root, "results_heads.csv", "--attention", root / "a")
    assert "Head in which P2Q is looked at" in texts
    for layer in range(1, LAYERS + 1):
        for head in range(1, HEADS + 1):
            assert "%.1f" % (100 * weight(layer, head, "p2q")) in texts


def test_of_several_runs_it_is_the_mean(root):
    second = write_run(root / "b")
    write_attention(second, of=lambda layer, head, zone: 0.05)
    collect(root)
    texts = draw(root, "results.csv", "--attention", root / "a", "--attention", second)
    mean = sum(weight(2, head, "p2") for head in (1, 2, 3)) / HEADS
    assert "%.1f" % (100 * (mean + 0.05) / 2) in texts


def refused(root, capsys, table="results.csv", given=None):
    argv = [root / table, "75", root / "map.svg", "--attention", given or root / "a"]
    if table == "results_heads.csv":
        argv.append("--zone=p2q")
    line = refusal(capsys, visualize_att_zone.main, *argv)
    assert not (root / "map.svg").exists()
    assert line.startswith("visualize_att_zone.py: --attention") or "--attention: " in line
    return line


def test_files_that_are_none_or_of_another_reader(root, capsys):
    collect(root)
    capsys.readouterr()
    path = root / "a" / "attention.csv"
    assert "there is no file" in refused(root, capsys, given=root / "a" / "atention.csv")
    whole = "give a file that run_squad.py --write_attention=True wrote"
    given = root / "results_heads.csv"
    assert "the first line is 'layer,head,zone,exact,f1'" in refused(root, capsys, given=given)
    lines = path.read_text().splitlines()
    for broken, said in (
        (["layer,head,zone"] + lines[1:], whole),
        (lines[:-1], "has 29 weights in place of 30, one for each layer, head and zone"),
        (lines[:1], "has 0 weights in place of 1"),
        (lines + lines[-1:], "line 32: layer 2 head 3 union stands there twice"),
        (lines[:3] + ["1,1,p2q,1.5"] + lines[4:], "line 4: weight is '1.5', which is not a share"),
        (lines[:3] + ["1,1,p3q,0.5"] + lines[4:], "line 4: zone is 'p3q', which is not one of"),
    ):
        path.write_text("\n".join(broken) + "\n")
        assert said in refused(root, capsys)
    write_attention(root / "a", layers=3)
    assert "has 3 layers, and %s has 2" % (root / "results.csv") in refused(root, capsys)
    write_attention(root / "a", heads=2)
    assert "has 2 heads, and" in refused(root, capsys, "results_heads.csv")
    write_attention(root / "a")
    said = "a weight belongs to one layer, and %s is of runs of layers" % (
        root / "results_spans.csv"
    )
    assert said in refused(root, capsys, "results_spans.csv")


def note_attention(folder, run, **more):
    record = dict(more, run=run, sha256="")
    path = folder / ".decoding" / "finished" / "attention.csv"
    path.write_text(json.dumps(record))


def test_an_older_file_is_refused(root, capsys):
    note_decoding(root / "a", root / "dev.json", "run2")
    note_attention(root / "a", "run2")
    collect(root)
    assert draw(root, "results.csv", "--attention", root / "a")
    (root / "map.svg").unlink()
    note_attention(root / "a", "run1")
    capsys.readouterr()
    said = "is of another checkpoint, data file, code or flags than the cells of %s"
    assert said % (root / "results.csv") in refused(root, capsys)
    sample = dict(questions=10, of=40, random_seed=1)
    note_attention(root / "a", "run2", sample=sample)
    assert "is of other questions than the cells" in refused(root, capsys)


def test_side_by_side_it_is_refused(root, capsys):
    collect(root)
    capsys.readouterr()
    table = root / "results.csv"
    more = ["--side-by-side", table, "--other-baseline", "75", "--attention", root / "a"]
    line = refusal(capsys, visualize_att_zone.main, table, "75", root / "map.svg", *more)
    assert "--attention is drawn beside one map" in line


# The report -------------------------------------------------------------------------------------


def data_of(folder, *more):
    report.main(folder.argv(*more))
    text = (folder.root / "report.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text).group(1)), text


def test_the_report_holds_the_weights_of_its_cells(tmp_path, capsys):
    folder = Folder(tmp_path)
    data, text = data_of(folder)
    assert data["runs"][0]["weights"] is None and 'id="looked"' not in text
    assert "ttention.csv" not in capsys.readouterr().err
    zones = json.dumps({"sep": [["any", ["sep", "end"]]]})
    (folder.predictions / "zones.json").write_text(zones)
    texts = json.dumps(folder.texts[CELLS[-1]])
    head, every = Cell(1, "p2q", head=2), Cell(None, "q2")
    for cell in (Cell(2, "sep"), head, every):
        (folder.predictions / file_name(PREDICTIONS, cell)).write_text(texts)
    of = lambda layer, head, zone: 0.25 if zone == "sep" else weight(layer, head, zone)  # noqa: E731
    write_attention(folder.predictions, 3, HEADS, (*ZONES, "sep"), of)
    data, text = data_of(folder)
    assert 'id="looked"' in text
    found = {cell["name"]: w for cell, w in zip(data["cells"], data["runs"][0]["weights"])}
    mean = sum(weight(2, head, "p2q") for head in (1, 2, 3)) / HEADS
    assert found["P2Q masked in layer 2"] == pytest.approx(mean, abs=1e-6)
    assert found["P2Q masked in layer 2, head 3"] == weight(2, 3, "p2q")
    assert found["SEP masked in layer 3"] == 0.25
    assert found["ALL masked in layer 2"] is None
    assert found["Q2 masked in every layer"] is None


def test_a_report_with_a_file_of_weights_that_is_none_or_older(tmp_path, capsys):
    folder = Folder(tmp_path)
    path = write_attention(folder.predictions, 3)
    path.write_text(path.read_text()[:-30])
    line = refusal(capsys, report.main, *folder.argv())
    assert "attention file: %s" % path in line
    write_attention(folder.predictions, 3)
    note_decoding(folder.predictions, folder.data_file, "run2")
    note_attention(folder.predictions, "run1")
    data, _ = data_of(folder)
    assert data["runs"][0]["weights"] is None
    said = capsys.readouterr().err
    assert "WARNING: %s is of another checkpoint" % path in said
