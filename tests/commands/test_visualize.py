"""The map: what stands where, in which colour, in which format; and tables that are none."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import visualize_att_zone
from maps.figure import maps_figure
from maps.panels import Panel, read_panel
from maps.tables import read_results
from tests.support.refusals import refusal
from zones.masks import ZONES

BASELINE = 80.567
HEADER = "layer,all,q2,q2p,p2q,p2"


def table(num_layers=3, **columns):
    """A table of scores: the baseline, but for the columns given."""
    layers = pd.RangeIndex(1, num_layers + 1, name="layer")
    return pd.DataFrame(BASELINE, index=layers, columns=list(ZONES)).assign(**columns)


def drawn(results, **options):
    """A figure, drawn; its map's axes; and the mesh of squares there."""
    title = options.pop("title", None)
    change = (results - BASELINE).rename(columns=str.upper)[::-1]
    change = change.rename_axis(index="Layer", columns="Masked zone")
    figure = maps_figure([Panel(change, title)], **options)
    figure.canvas.draw()
    axes = figure.axes[0]
    return figure, axes, axes.collections[0]


def colours(results):
    """RGB ``[layers, zones, 3]`` of the squares, layer 1 first."""
    mesh = drawn(results)[2]
    return mesh.get_facecolors()[:, :3].reshape(len(results), len(ZONES), 3)[::-1]


def darkness(rgb):
    return 1 - rgb @ np.array([0.299, 0.587, 0.114])


def labels(texts):
    return [text.get_text() for text in texts]


@pytest.fixture
def results_file(tmp_path):
    rows = ["1,78.344,80.539,80.482,79.991,66.982", "2,80.028,80.567,83,80.388,76.424"]
    path = tmp_path / "results.csv"
    path.write_text("\n".join([HEADER, *rows, ""]))
    return path


# What is drawn ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["table1.csv", "table2.csv"])
def test_published_map(shared, name):
    results = read_results(shared / "tables" / name)
    _, axes, mesh = drawn(results)
    values = np.loadtxt(str(shared / "tables" / name), delimiter=",", skiprows=1)
    np.testing.assert_array_equal(
        np.asarray(mesh.get_array()).reshape(12, 5), values[::-1, 1:] - BASELINE
    )
    # Rows go down from the top: 12 is above, 1 at the bottom.
    assert axes.yaxis_inverted()
    assert labels(axes.get_yticklabels()) == [str(layer) for layer in range(12, 0, -1)]
    assert labels(axes.get_xticklabels()) == ["ALL", "Q2", "Q2P", "P2Q", "P2"]
    _, q2, q2p, p2q, p2 = darkness(colours(results)).mean(axis=0)
    assert min(p2q, p2) > max(q2, q2p)
    # The darkest square of all is P2 in layer 1, at the bottom right.
    assert darkness(colours(results)).argmax() == ZONES.index("p2")


def test_colours():
    rgb = colours(table(all=[BASELINE - 10, BASELINE - 5, BASELINE - 2], q2=BASELINE + 2))
    lost, gained, zero = rgb[:, 0], rgb[0, 1], rgb[0, 2]
    assert (zero == 1).all()  # white
    assert (np.diff(darkness(lost)) < 0).all()  # less lost, less dark
    assert (lost[:, 0] > lost[:, 2] + 0.1).all()  # red
    assert gained[2] > gained[0] + 0.1  # blue
    # Two points are as strong up as down.
    assert darkness(gained) == pytest.approx(darkness(lost[2]), abs=0.02)


def test_values_beyond_the_range_have_the_colour_of_its_end():
    rgb = colours(table(all=[BASELINE - 10, BASELINE - 11, 0], p2=[BASELINE + 2, 83, 100]))
    for column in (rgb[:, 0], rgb[:, 4]):
        np.testing.assert_array_equal(column, column[[0, 0, 0]])


@pytest.mark.parametrize(
    "scores, ends",
    [
        ([BASELINE, 72, 82], "neither"),
        ([BASELINE, 70, 82], "min"),
        ([BASELINE, 72, 83], "max"),
        ([BASELINE, 0, 100], "both"),
    ],
)
def test_colour_bar(scores, ends):
    figure, _, mesh = drawn(table(p2q=scores))
    assert mesh.colorbar.extend == ends
    assert figure.axes[1].get_ylabel().split() == "Score minus baseline (points)".split()
    assert list(mesh.colorbar.get_ticks()) == [-10, -8, -6, -4, -2, 0, 2]


@pytest.mark.parametrize("num_layers", [1, 3, 4, 6, 12, 24, 48])
def test_any_number_of_layers_can_be_read(num_layers):
    figure, axes, mesh = drawn(table(num_layers), annotate=True, title="BERT")
    assert mesh.get_array().size == num_layers * len(ZONES)
    renderer = figure.canvas.get_renderer()
    boxes = [label.get_window_extent(renderer) for label in axes.get_yticklabels()]
    assert len(boxes) == num_layers
    for above, below in zip(boxes, boxes[1:]):
        assert above.y0 > below.y1
    row = axes.get_window_extent(renderer).height / num_layers
    assert all(text.get_window_extent(renderer).height < row for text in axes.texts)


def test_annotations():
    results = table(2, all=[66.982, BASELINE], q2=[BASELINE + 0.44, BASELINE - 0.04])
    _, axes, _ = drawn(results, annotate=True)
    minus = "\N{MINUS SIGN}"
    texts = np.reshape(labels(axes.texts), (2, 5))[::-1]
    assert texts[0].tolist() == [minus + "13.6", "0.4", "0.0", "0.0", "0.0"]
    assert texts[1].tolist() == ["0.0"] * 5
    # White on dark red, black on white; each in the middle of its square.
    assert [text.get_color() for text in axes.texts].count("white") == 1
    assert axes.texts[5].get_color() == "white"
    assert axes.texts[6].get_position() == (1.5, 1.5)
    assert len(drawn(results)[1].texts) == 0


# The files --------------------------------------------------------------------------------------


def draw(results_file, name, *options):
    path = results_file.parent / name
    visualize_att_zone.main([str(results_file), str(BASELINE), str(path), *options])
    return path.read_bytes()


def test_a_title_in_bytes_that_are_no_text(results_file):
    path = results_file.parent / "squad.pdf"
    visualize_att_zone.main([str(results_file), "80.567", str(path), "--title", "caf\udce9"])
    assert path.stat().st_size > 1000


def test_pdf_keeps_text_as_truetype(results_file, capsys):
    pdf = draw(results_file, "squad.pdf", "--title", "$ 5 and 6 $", "--annot")
    assert capsys.readouterr().out == "wrote %s\n" % (results_file.parent / "squad.pdf")
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf  # an embedded TrueType font
    assert b"/Type3" not in pdf


def test_png_is_fit_for_print(results_file):
    png = draw(results_file, "squad.PNG")
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width = int.from_bytes(png[16:20], "big")
    assert width > 1000


def test_svg_keeps_text(results_file):
    svg = draw(results_file, "squad.svg", "--annot", "--title", "a < b $x$").decode()
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    for text in ("ALL", "P2Q", "Layer", "\N{MINUS SIGN}13.6", "a &lt; b $x$"):
        assert text in texts


@pytest.mark.parametrize("ending", ["pdf", "png", "svg"])
def test_the_same_table_gives_the_same_file(results_file, ending):
    assert draw(results_file, "a." + ending) == draw(results_file, "a." + ending)


def test_as_a_program(results_file):
    script = visualize_att_zone.__file__
    done = subprocess.run(
        [sys.executable, script, "results.csv", "80.567", "squad.pdf"],
        cwd=str(results_file.parent),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"wrote squad.pdf\n", b"")
    assert (results_file.parent / "squad.pdf").exists()


@pytest.mark.parametrize("end", [",", ",,", ", ,"])
def test_columns_that_are_empty_are_passed_over(results_file, end):
    good = read_results(results_file)
    lines = results_file.read_text().splitlines()
    results_file.write_text("".join(line + end + "\n" for line in lines))
    pd.testing.assert_frame_equal(read_results(results_file), good)


def test_lines_may_end_as_on_old_macs(results_file):
    good = read_results(results_file)
    results_file.write_bytes(results_file.read_bytes().replace(b"\n", b"\r"))
    pd.testing.assert_frame_equal(read_results(results_file), good)


@pytest.mark.parametrize("baseline", ["80,567", "80.567%", " 80.567 "])
def test_a_baseline_as_people_write_it(results_file, baseline):
    panels = [read_panel(results_file, text) for text in (baseline, "80.567")]
    pd.testing.assert_frame_equal(*(panel.change for panel in panels))
    assert panels[0].doubt is panels[1].doubt is None


# Mistakes ---------------------------------------------------------------------------------------


def refused(capsys, results_file, baseline=BASELINE, figure="squad.pdf"):
    """The line that refuses; no file is left behind."""
    before = sorted(results_file.parent.rglob("*"))
    path = results_file.parent / figure
    line = refusal(capsys, visualize_att_zone.main, results_file, baseline, path)
    assert sorted(results_file.parent.rglob("*")) == before
    return line


ROW = "80,80,80,80,80"


@pytest.mark.parametrize(
    "lines, parts",
    [
        ([], ["is empty; is it the right file?"]),
        (["1," + ROW], ["first line is '1,80,80,80,80,80'", HEADER]),
        (["layer,q2,q2p,p2q,p2", "1,80,80,80,80"], ["first line is 'layer,q2,q2p,p2q,p2'"]),
        (["layer,all,q2,q2p,p2,p2q", "1," + ROW], ["first line"]),
        ([HEADER], ["no layer"]),
        ([HEADER, "1,80,80,80,80"], ["line 2: 5 values in place of 6; was the file cut short"]),
        ([HEADER, "1,,,,,", "2,,,,,"], ["no score"]),
        ([HEADER, "1,80,5,80,80,80,80"], ["line 2: 7 values in place of 6", "a decimal comma"]),
        ([HEADER, "1," + ROW, "", "2,80,80,x,80,80"], ["line 4: q2p is 'x'", "not a score"]),
        ([HEADER, "1,80,nan,80,80,80"], ["line 2: q2 is 'nan'"]),
        ([HEADER, "1,80,80,80,inf,80"], ["line 2: p2q is 'inf'"]),
        ([HEADER, "1,100.1,80,80,80,80"], ["line 2: all is '100.1'"]),
        ([HEADER, "1,80,80,80,80,-1"], ["line 2: p2 is '-1'"]),
        ([HEADER, "one," + ROW], ["line 2: layer is 'one', which is not a layer"]),
        ([HEADER, "0," + ROW], ["line 2: layer is '0', which is not a layer"]),
        ([HEADER, "1," + ROW, "1," + ROW], ["line 3: layer 1 stands there twice"]),
        ([HEADER, "1," + ROW, "3," + ROW, "6," + ROW], ["of 6 layers", "missing: 2, 4-5"]),
        ([HEADER, "2," + ROW], ["of 2 layers", "missing: 1"]),
        ([HEADER, '1,"' + "8" * 200000 + '",80,80,80,80'], ["line 2", "not a table"]),
    ],
)
def test_refuses_other_tables(results_file, capsys, lines, parts):
    results_file.write_text("\n".join([*lines, ""]) if lines else "")
    line = refused(capsys, results_file)
    assert "results file: %s" % results_file in line
    for part in parts:
        assert part in line


def test_takes_what_a_spreadsheet_makes_of_a_table(results_file):
    good = read_results(results_file)
    header, *rows = results_file.read_text().split()
    results_file.write_bytes(("\ufeff" + "\r\n".join([header, *rows[::-1], "", ""])).encode())
    pd.testing.assert_frame_equal(read_results(results_file), good)


@pytest.mark.parametrize(
    "baseline, part",
    [
        ("high", "'high' is not a number"),
        ("80,567,1", "'80,567,1' is not a number"),
        ("", "'' is not a number"),
        ("nan", "nan is not a score from 0 to 100"),
        ("inf", "inf is not a score"),
        ("-1", "-1 is not a score"),
        ("100.5", "100.5 is not a score"),
        ("0.80567", "0.80567 looks like a fraction, and the table has percent; is it 80.567?"),
    ],
)
def test_refuses_other_baselines(results_file, capsys, baseline, part):
    line = refused(capsys, results_file, baseline)
    assert "baseline: " + part in line


def test_a_low_baseline_of_a_poor_reader_is_no_fraction(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("%s\n1,0.4,0.5,0,0.7,0.2\n" % HEADER)
    visualize_att_zone.main([str(path), "0.6", str(tmp_path / "poor.png")])
    assert (tmp_path / "poor.png").exists()


@pytest.mark.parametrize(
    "figure, part",
    [
        ("squad", "squad does not end in one of .pdf, .png, .svg"),
        ("squad.jpg", "squad.jpg does not end in one of .pdf, .png, .svg"),
        ("none/squad.pdf", "there is no directory"),
    ],
)
def test_refuses_other_figure_files(results_file, capsys, figure, part):
    line = refused(capsys, results_file, figure=figure)
    assert "figure file: " in line
    assert part in line


def test_refuses_a_directory_named_like_a_figure(results_file, capsys):
    (results_file.parent / "squad.pdf").mkdir()
    assert "is a directory" in refused(capsys, results_file)


def test_refuses_missing_results(results_file, capsys):
    line = refused(capsys, results_file.parent / "result.csv")
    assert "results file: there is no file" in line
