"""What a journal asks of a figure: width, font, range, caption, and where it comes from."""

import hashlib
import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import get_results
import visualize_att_zone
from maps.attention_figure import Weights
from maps.figure import maps_figure
from maps.layout import PLAIN, Look
from maps.panels import Panel
from tests.support.refusals import refusal
from tests.support.small_map import note_decoding, write_questions, write_run

ZONES = ["ALL", "Q2", "Q2P", "P2Q", "P2"]
MINUS = "\N{MINUS SIGN}"


def panel(rows, columns=ZONES, title=None, label="Masked zone", **more):
    """A map of changes from 2 down to -13 points."""
    change = pd.DataFrame(
        np.linspace(2, -13, len(rows) * len(columns)).reshape(len(rows), -1),
        index=pd.Index(rows, name="Layer"),
        columns=pd.Index(columns, name=label),
    )
    if more.pop("is_tested", False):
        more.update(unsure=change > -1, test="score test clustered by passage and run")
    if more.pop("has_spread", False):
        more["spread"] = change.abs()
    return Panel(change, title, metric="exact", **more)


def layers(number):
    return [str(layer) for layer in range(number, 0, -1)]


HEADS = [str(head) for head in range(1, 13)]
LONG = "BERT-base, the mean of five runs, with a title that goes on and on"
FIGURES = {
    "protocol": [panel(layers(12))],
    "demo": [panel(layers(4), is_tested=True)],
    "every layer": [panel(["all"])],
    "deviations": [panel(layers(6), is_tested=True, has_spread=True, title=LONG)],
    "heads": [panel(layers(12), HEADS, label="Head in which P2Q is masked")],
    "spans": [panel(["10\N{EN DASH}12", "9\N{EN DASH}11"])],
    "own zones": [panel(layers(3), [*ZONES, "UNION", "QUESTION-TO-THE-SEPS"])],
    "Chinese": [panel(layers(3), title="\u6ce8\u610f\u529b\u533a\u57df" * 12)],
    "looked at": [panel(layers(4), note="A note.\n" + LONG)],
    "two": [panel(layers(12), title=LONG), panel(layers(12), title="B", is_tested=True)],
}


# Each in one look; the other is for the slow tier.
PLAINLY = ("demo", "deviations", "Chinese", "two")
IN_BOTH = [
    pytest.param(name, look, marks=[] if (name in PLAINLY) == (look == PLAIN) else pytest.mark.slow)
    for name in FIGURES
    for look in (PLAIN, Look(85))
]


@pytest.mark.parametrize("name, look", IN_BOTH)
def test_nothing_is_cut_off_or_stands_on_something_else(name, look):
    panels = FIGURES[name]
    narrow = look.width is not None and (len(panels) > 1 or name == "heads")
    beside = Weights(panels[0].change.abs()) if name == "looked at" else None
    if beside and look.width:
        look = Look(174)  # two maps, each with a colour bar, have no room in a column
    figure = maps_figure(panels, not narrow, look, beside)
    renderer = figure.canvas.get_renderer()
    maps, bar = figure.axes[: len(panels)], figure.axes[len(panels)]
    whole = figure.bbox.padded(1)
    for axes in figure.axes:
        box = axes.get_tightbbox(renderer)
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0
        assert box.y1 <= whole.y1
    for left, right in zip(figure.axes, figure.axes[1:]):
        assert left.get_tightbbox(renderer).x1 <= right.get_tightbbox(renderer).x0 + 1
    (notes,) = figure.texts
    if notes.get_text():
        box = notes.get_window_extent(renderer)
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0
        assert box.y1 < min(axes.get_tightbbox(renderer).y0 for axes in maps)
    # The name of the colour bar is no longer than the bar, and the maps are as high.
    assert bar.yaxis.label.get_window_extent(renderer).height <= maps[0].bbox.height * 1.01
    for axes, shown in zip(maps, panels):
        names = [label.get_window_extent(renderer) for label in axes.get_xticklabels()]
        assert all(one.x1 < other.x0 for one, other in zip(names, names[1:]))
        column = axes.bbox.width / len(shown.change.columns)
        assert all(text.get_window_extent(renderer).width <= column for text in axes.texts[:5])
        # Each name stands in the middle of its squares.
        for place, box in enumerate(names):
            middle = axes.bbox.x0 + (place + 0.5) * column
            assert (box.x0 + box.x1) / 2 == pytest.approx(middle, abs=0.02 * column)
        row = axes.bbox.height / len(shown.change)
        for place, label in enumerate(axes.get_yticklabels()):
            box = label.get_window_extent(renderer)
            middle = axes.bbox.y1 - (place + 0.5) * row
            assert (box.y0 + box.y1) / 2 == pytest.approx(middle, abs=0.12 * row)


def test_no_text_of_a_printed_figure_is_too_small():
    figure = maps_figure(FIGURES["deviations"], True, Look(85))
    texts = [text for axes in figure.axes for text in axes.texts] + figure.texts
    for axes in figure.axes:
        texts += [axes.xaxis.label, axes.yaxis.label, axes.title, *axes.get_yticklabels()]
    assert min(text.get_size() for text in texts if text.get_text()) >= 4.5
    assert max(text.get_size() for text in texts if text.get_text()) <= 8


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "results.csv"
    rows = ["1,78.344,80.539,80.482,79.991,66.982", "2,80.028,80.567,83,80.388,76.424"]
    path.write_text("\n".join(["layer,all,q2,q2p,p2q,p2", *rows, ""]))
    return path


def draw(table, name, *more):
    path = table.parent / name
    visualize_att_zone.main([str(table), "80.567", str(path), *more])
    return path


def refused(capsys, table, *more):
    path = table.parent / "map.pdf"
    line = refusal(capsys, visualize_att_zone.main, table, "80.567", path, *more)
    assert not path.exists()
    return line


def test_a_figure_is_as_wide_as_asked(table):
    pdf = draw(table, "a.pdf", "--width", "column").read_bytes()
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([0-9.]+) ", pdf)
    assert float(box) == pytest.approx(85 / 25.4 * 72, abs=0.1)
    svg = draw(table, "a.svg", "--width", "page").read_text()
    assert float(re.search(r'width="([0-9.]+)pt"', svg).group(1)) == pytest.approx(
        174 / 25.4 * 72, abs=0.1
    )
    with Image.open(str(draw(table, "a.png", "--width=120"))) as image:
        assert image.size[0] == pytest.approx(120 / 25.4 * 300, abs=1)


@pytest.mark.parametrize(
    "more, part",
    [
        (["--width=wide"], "--width: 'wide' is neither column nor page nor a width in millimetres"),
        (["--width=-3"], "nor a width in millimetres"),
        (["--width=nan"], "nor a width in millimetres"),
        (["--width=20"], "--width: 20 mm leave no room for 5 columns beside their labels; "),
        (["--vmin=0"], "--vmin, --vmax: zero, which is white, must lie between 0 and 2"),
        (["--vmax=-1"], "must lie between -10 and -1"),
        (["--vmin=nan"], "--vmin, --vmax"),
        (["--font=No Such Font"], "--font: no font No Such Font is installed here"),
        (["--font=STIXSizeOneSym"], "--font: STIXSizeOneSym has no signs for"),
        (["--caption=none/map.txt"], "--caption: there is no directory"),
    ],
)
def test_refuses(table, capsys, more, part):
    assert part in refused(capsys, table, *more)


def test_the_width_that_is_named_is_enough(table, capsys):
    enough = re.search(r"labels; (\d+) do", refused(capsys, table, "--width=20")).group(1)
    assert draw(table, "map.png", "--width", enough).exists()


def test_a_caption_does_not_write_over_what_is_read(table, capsys):
    assert "is a file to read here" in refused(capsys, table, "--caption", table)


def test_the_range_is_the_users_and_is_said(table):
    svg = draw(table, "a.svg", "--vmin=-20", "--vmax=5", "--caption", str(table.parent / "a.txt"))
    said = "olours from %s20 to 5 points" % MINUS
    assert "c" + said in svg.read_text() and "C" + said in (table.parent / "a.txt").read_text()
    assert "olours from" not in draw(table, "b.svg").read_text()


@pytest.mark.parametrize("ends", [(-10, 2), (-20, 5), (-3, 3), (-0.7, 12)])
def test_zero_is_white_whatever_the_range(ends):
    shown = panel(["1"])
    shown.change.iloc[0] = [0, -0.3, 0.3, ends[0], ends[1]]
    figure = maps_figure([shown], look=Look(None, None, *ends))
    figure.canvas.draw()
    mesh = figure.axes[0].collections[0]
    zero, less, more, _, _ = mesh.get_facecolors()[:, :3]
    assert (zero == 1).all() and (less < 1).any() and (more < 1).any()
    assert less[0] > less[2] and more[2] > more[0]  # reddish, bluish
    assert (mesh.norm.vmin, mesh.norm.vmax) == ends
    assert 4 <= len(mesh.colorbar.get_ticks()) <= 8 and 0 in mesh.colorbar.get_ticks()


def test_a_font(table):
    svg = draw(table, "a.svg", "--font", "DejaVu Serif").read_text()
    assert "DejaVu Serif" in svg and "DejaVu Sans" not in svg


# Caption and origin -----------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path):
    """Two runs, with what their readers' folders say, and their tables."""
    write_questions(tmp_path / "dev.json")
    for seed, name in ((7, "a"), (11, "b")):
        note_decoding(write_run(tmp_path / name), tmp_path / "dev.json", name, max_seq_length=384)
        training = {"random_seed": seed, "learning_rate": 3e-5}
        (tmp_path / name / "reader.json").write_text(json.dumps({"training": training}))
    argv = [tmp_path / "a", tmp_path / "b", tmp_path / "results.csv"]
    argv += ["--data-file", tmp_path / "dev.json", "--baseline=predictions.json"]
    get_results.main(list(map(str, argv)))
    return tmp_path


def test_the_caption_has_the_numbers(runs, capsys):
    argv = [runs / "results.csv", runs / "results_significance.csv", runs / "map.pdf"]
    capsys.readouterr()
    visualize_att_zone.main([*map(str, argv), "--caption", str(runs / "map.txt"), "--std"])
    out, err = capsys.readouterr()
    assert out == "wrote %s and %s\n" % (runs / "map.pdf", runs / "map.txt") and err == ""
    text = (runs / "map.txt").read_text(encoding="utf-8")
    for part in (
        "Exact match minus baseline, in points. Rows: layer, the first at the bottom.",
        "Baseline 75.000 %%. 40 questions of 20 passages (%s)." % (runs / "dev.json"),
        "Mean of 2 runs (seeds 7, 11).",
        "Test: score test clustered by passage and run, with Holm's correction for 10 cells, at 5",
        "P2Q: The passage cannot read the question.",
        "\N{PLUS-MINUS SIGN} standard deviation of the change over the runs.",
        "Colours from %s10 to 2 points." % MINUS,
    ):
        assert part in text


def test_a_caption_of_a_table_of_which_nothing_is_known(table, capsys):
    draw(table, "a.svg", "--caption", str(table.parent / "a.txt"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("NOTE: --caption: of %s no results.json" % table)
    assert "Baseline 80.567 %." in (table.parent / "a.txt").read_text()


def facts_in(path):
    """What a figure's metadata says, as JSON."""
    content = path.read_bytes()
    if path.suffix == ".png":
        with Image.open(str(path)) as image:
            return json.loads(image.info["Description"])
    if path.suffix == ".svg":
        text = re.search(r"<dc:description>(.*?)</dc:description>", content.decode()).group(1)
        return json.loads(text.replace("&quot;", '"').replace("&lt;", "<").replace("&amp;", "&"))
    (text,) = re.findall(rb"/Subject \(((?:[^\\)]|\\.)*)\)", content, re.DOTALL)
    return json.loads(re.sub(rb"\\(.)", rb"\1", text, flags=re.DOTALL).decode())


@pytest.mark.parametrize("ending", ["pdf", "png", "svg"])
def test_a_figure_says_what_it_was_made_of(runs, ending):
    path = runs / ("map." + ending)
    tables = [str(runs / "results.csv"), str(runs / "results_significance.csv")]
    visualize_att_zone.main([*tables, str(path), "--title", "(a) \u6ce8 \\ <b>"])
    facts = facts_in(path)
    assert facts["command"].startswith("visualize_att_zone.py ") and "\u6ce8" in facts["command"]
    assert {"code", "python", "numpy", "matplotlib"} <= set(facts["versions"])
    (shown,) = facts["maps"]
    assert shown["baseline"] == 75 and "clustered by passage and run" in shown["test"]
    assert shown["files"] == {
        path: hashlib.sha256(open(path, "rb").read()).hexdigest() for path in tables
    }
    about = shown["about"]
    assert about == json.loads((runs / "results.json").read_text())
    assert [run["reader"]["training"]["random_seed"] for run in about["runs"]] == [7, 11]
    (decoding,) = about["runs"][0]["decoded_by"]
    assert decoding["checkpoint"]["sha256"] == "aaaaaaaa"
    assert decoding["commands"] == [["run_squad.py", "--do_sweep=True"]]
    assert about["sample"] is None and about["data"]["sha256"]


def test_of_every_table_the_checksum_is_noted(runs):
    noted = json.loads((runs / "results.json").read_text())["files"]
    assert set(noted) == {path.name for path in runs.glob("results*.csv")}
    for name, digest in noted.items():
        assert hashlib.sha256((runs / name).read_bytes()).hexdigest() == digest
