"""What the figure does beyond the protocol's: two maps, deviations, doubts, another metric."""

import re
import shutil
import subprocess

import numpy as np
import pytest

import visualize_att_zone
from maps import figure
from tests.support.refusals import refusal
from zones.cells import cells_of
from zones.masks import ZONES

BASELINE = 80.567
HEADER = "layer,all,q2,q2p,p2q,p2"
SCORES = [[78.344, 80.539, 80.482, 79.991, 66.982], [80.028, 80.114, 83, 80.388, 76.424]]
SURE = [[1, 0, 0, 1, 1], [1, 0, 1, 0, 1]]
MINUS, DOT = "\N{MINUS SIGN}", "\N{BULLET} not significant"


def write_table(path, scores):
    rows = [",".join(map(str, [layer + 1, *row])) for layer, row in enumerate(scores)]
    path.write_text("\n".join([HEADER, *rows, ""]))


def write_significance(path, scores, sure, baseline=BASELINE):
    """A table as get_results.py --baseline writes it; some columns do not matter here."""
    lines = ["layer,zone,baseline,score,change,low,high,broken,mended,p,p_holm,significant"]
    for cell in cells_of(len(scores)):
        score = scores[cell.layer][ZONES.index(cell.zone)]
        is_sure = bool(sure[cell.layer][ZONES.index(cell.zone)])
        p = 0.001 if is_sure else 0.5
        start = [cell.layer + 1, cell.zone, baseline, score, "%.3f" % (score - baseline)]
        lines.append(",".join(map(str, [*start, -90, 90, 5, 3, p, p, is_sure])))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path):
    write_table(tmp_path / "results.csv", SCORES)
    write_table(tmp_path / "other.csv", [[70, 71, 72, 73, 74]] * 3)
    write_table(tmp_path / "b.csv", [[70, 71, 72, 73, 74]] * 2)
    write_table(tmp_path / "results_std.csv", [[0.25, 0.5, 0.75, 1, 1.25]] * 2)
    write_significance(tmp_path / "results_significance.csv", SCORES, SURE)
    long = ["run,layer,zone,exact,f1"]
    for run, shift in (("a", -1), ("b", 0), ("c", 1)):
        for cell in cells_of(2):
            place = ZONES.index(cell.zone)
            exact = SCORES[cell.layer][place] + shift * (place + 1)
            long.append("%s,%d,%s,%s,%s" % (run, cell.layer + 1, cell.zone, exact, 90 + place))
    (tmp_path / "results_long.csv").write_text("\n".join(long) + "\n")
    return tmp_path


class Drawn:
    """The figure of a command line: its SVG's texts, and its maps."""

    def __init__(self, folder, monkeypatch, table, baseline, *more):
        made = []
        real = figure.maps_figure

        def watched(*given):
            made.append(real(*given))
            return made[-1]

        svg = folder / "figure.svg"
        more = [str(folder / word) if word.endswith(".csv") else word for word in more]
        baseline = str(folder / baseline) if baseline.endswith(".csv") else baseline
        with monkeypatch.context() as patch:
            patch.setattr(figure, "maps_figure", watched)
            visualize_att_zone.main([str(folder / table), baseline, str(svg), *more])
        self.texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg.read_text(encoding="utf-8"))
        (self.figure,) = made
        *self.maps, bar = self.figure.axes
        self.label = " ".join(bar.get_ylabel().split())

    def values(self, place=0):
        """Score minus baseline as drawn, ``[layers, zones]``, layer 1 first."""
        mesh = self.maps[place].collections[0]
        return np.asarray(mesh.get_array()).reshape(-1, len(ZONES))[::-1]

    def dots(self, place=0):
        """Which squares have a dot, ``[layers, zones]``, layer 1 first."""
        axes = self.maps[place]
        marked = np.zeros_like(self.values(place), bool)
        for dots in axes.collections[1:]:
            for x, y in dots.get_offsets():
                marked[-1 - int(y), int(x)] = True
        return marked


@pytest.fixture
def draw(folder, monkeypatch, capsys):
    def drawn(*argv):
        return Drawn(folder, monkeypatch, *argv)

    return drawn


# Doubts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], ["--annot"]])
def test_a_significance_table_gives_the_baseline_and_dots(draw, more):
    drawn = draw("results.csv", "results_significance.csv", *more)
    np.testing.assert_allclose(drawn.values(), np.array(SCORES) - BASELINE, atol=1e-9)
    np.testing.assert_array_equal(drawn.dots(), ~np.array(SURE, bool))
    assert [text for text in drawn.texts if text.startswith(DOT)]
    # A dot does not stand on a value.
    (dots,) = drawn.maps[0].collections[1:]
    renderer = drawn.figure.canvas.get_renderer()
    places = drawn.maps[0].transData.transform(dots.get_offsets())
    for text in drawn.maps[0].texts[: 10 if more else 0]:
        box = text.get_window_extent(renderer)
        assert not any(box.contains(*place) for place in places)


def test_a_number_gives_no_dots(draw):
    drawn = draw("results.csv", "80.567")
    assert not drawn.dots().any()
    assert not [text for text in drawn.texts if "significant" in text]


def test_dots_can_be_seen_on_their_squares(draw, folder):
    write_significance(folder / "results_significance.csv", SCORES, np.zeros((2, 5)))
    drawn = draw("results.csv", "results_significance.csv")
    (dots,) = drawn.maps[0].collections[1:]
    inks = [tuple(colour[:3]) for colour in dots.get_facecolors()]
    assert inks.count((1, 1, 1)) == 1  # on the square of -13.6, nearly black
    assert inks.count((0, 0, 0)) == 9


# Several runs -----------------------------------------------------------------------------------


def test_deviations_stand_below_the_values(draw):
    drawn = draw("results.csv", "80.567", "--std")
    texts = [text.get_text() for text in drawn.maps[0].texts]
    assert texts[:4] == [MINUS + "0.5", "\N{PLUS-MINUS SIGN}0.2", MINUS + "0.5", "\u00b10.5"]
    assert texts[-2:] == [MINUS + "13.6", "\u00b11.2"]
    assert [text for text in drawn.texts if "standard deviation" in text]
    renderer = drawn.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in drawn.maps[0].texts]
    for above, below in zip(boxes[::2], boxes[1::2]):
        assert above.y0 >= below.y1 - 1


def test_the_long_table(draw):
    drawn = draw("results_long.csv", "80.567", "--std")
    np.testing.assert_allclose(drawn.values(), np.array(SCORES) - BASELINE, atol=1e-9)
    below = [text.get_text() for text in drawn.maps[0].texts][1:20:2]
    assert below == ["\u00b1%d.0" % spread for spread in (1, 2, 3, 4, 5)] * 2


def test_f1(draw):
    drawn = draw("results_long.csv", "91.0", "--metric", "f1")
    np.testing.assert_allclose(drawn.values(), [[-1, 0, 1, 2, 3]] * 2, atol=1e-9)
    assert drawn.label == "F1 minus baseline (points)"
    drawn = draw("results.csv", "80.567", "--metric", "exact")
    assert drawn.label == "Exact match minus baseline (points)"


# Two maps ---------------------------------------------------------------------------------------


def test_side_by_side(draw):
    more = ["--side-by-side", "b.csv", "--other-baseline", "75", "--other-title", "Other"]
    drawn = draw("results.csv", "80.567", "--title", "One", *more)
    assert len(drawn.maps) == 2
    np.testing.assert_allclose(drawn.values(0), np.array(SCORES) - BASELINE, atol=1e-9)
    np.testing.assert_allclose(drawn.values(1), [[-5, -4, -3, -2, -1]] * 2, atol=1e-9)
    assert [axes.get_title() for axes in drawn.maps] == ["One", "Other"]
    assert {"A", "B"} <= set(drawn.texts)
    assert drawn.label == "Score minus baseline (points)"
    assert drawn.texts.count("Score minus") == 1
    # Both have values in the range and the first one beyond either end.
    assert drawn.maps[1].collections[0].colorbar.extend == "both"
    norms = [axes.collections[0].norm for axes in drawn.maps]
    assert {(norm.vmin, norm.vmax) for norm in norms} == {(-10, 2)}


def test_side_by_side_with_a_table_of_each(draw, folder):
    write_significance(folder / "s.csv", [[70, 71, 72, 73, 74]] * 2, np.ones((2, 5)), 75)
    more = ["--side-by-side", "b.csv", "--other-baseline"]
    drawn = draw("results.csv", "results_significance.csv", *more, "s.csv")
    assert drawn.dots(0).sum() == 4
    assert drawn.dots(1).sum() == 0


def test_figure_1_of_the_protocol(shared, tmp_path, draw):
    for name in ("table1.csv", "table2.csv"):
        shutil.copy(str(shared / "tables" / name), str(tmp_path / name))
    drawn = draw(
        "table1.csv", "80.567", "--side-by-side", "table2.csv", "--other-baseline", "80.901"
    )
    for place, baseline in ((0, 80.567), (1, 80.901)):
        path = str(tmp_path / ("table%d.csv" % (place + 1)))
        wanted = np.loadtxt(path, delimiter=",", skiprows=1)[:, 1:] - baseline
        np.testing.assert_allclose(drawn.values(place), wanted, atol=1e-9)


# Colours and text -------------------------------------------------------------------------------

# What people without green (deuteranopia) or red (protanopia) cones see of linear RGB: Machado,
# Oliveira, Fernandes (2009), severity 1.
DEUTERANOPIA = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
PROTANOPIA = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]


@pytest.mark.parametrize("kind", [DEUTERANOPIA, PROTANOPIA])
def test_losses_and_gains_differ_for_the_colour_blind(kind):
    def seen(change):
        text = figure.colour_of(change)[0]
        linear = np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]) ** 2.2
        red, _, blue = np.clip(kind @ linear, 0, 1) ** (1 / 2.2)
        return blue - red

    # Losses are yellowish, gains bluish, and zero is between them.
    assert seen(-2) < seen(0) - 0.04 < seen(0) < seen(2) - 0.04
    for change in (-10, -8, -6, -4):
        assert seen(change) < seen(0) - 0.04


def test_text_on_any_colour_can_be_read():
    def luminance(colour):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [
            ((v + 0.055) / 1.055) ** 2.4 if v > 0.04045 else v / 12.92 for v in (red, green, blue)
        ]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    for change in np.arange(-10, 2.05, 0.1):
        fill, ink = figure.colour_of(change)
        ground, text = luminance(fill), luminance({"white": "#ffffff", "black": "#000000"}[ink])
        assert (max(ground, text) + 0.05) / (min(ground, text) + 0.05) >= 4.5


def test_text_of_a_pdf_can_be_searched(folder):
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext (Debian: poppler-utils)")
    argv = ["results.csv", "results_significance.csv", "figure.pdf"]
    argv = [str(folder / name) for name in argv]
    visualize_att_zone.main([*argv, "--annot", "--title", "BERT (cased)"])
    done = subprocess.run(["pdftotext", argv[-1], "-"], stdout=subprocess.PIPE, check=True)
    text = done.stdout.decode("utf-8")
    for part in ("BERT (cased)", "P2Q", MINUS + "13.6", "Score minus", "not significant"):
        assert part in text


# Mistakes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv, part",
    [
        ("results.csv none.csv", "baseline: there is no file"),
        ("other.csv results_significance.csv", "does not hold the scores of"),
        ("other.csv 75 --std", "--std: there is no other_std.csv beside"),
        ("results.csv 75 --metric F2", "--metric"),
        ("results.csv results_significance.csv --metric f1", "compares exact match"),
        ("results.csv 75 --other-baseline 75", "--other-baseline needs a second table"),
        ("results.csv 75 --other-title B", "--other-title needs a second table"),
        (
            "results.csv 75 --side-by-side none.csv --other-baseline 75",
            "--side-by-side: there is no file",
        ),
        ("results.csv 75 --side-by-side b.csv", "add --other-baseline with that of"),
        (
            "results.csv 75 --side-by-side other.csv --other-baseline 75",
            "have another layers each (2 and 3)",
        ),
        ("80.567 results.csv", "the arguments stand in another order"),
        ("results_significance.csv results.csv", "give the other table that get_results.py wrote"),
        ("results.csv 75 --side-by-side b.csv --other-baseline x", "--other-baseline: 'x' is"),
        ("results.csv results_significance.csv --side-by-side other.csv", "add --other-baseline"),
    ],
)
def test_refuses(folder, capsys, argv, part):
    table, baseline, *more = [
        str(folder / word) if word.endswith(".csv") else word for word in argv.split()
    ]
    figure = folder / "figure.pdf"
    line = refusal(capsys, visualize_att_zone.main, table, baseline, figure, *more)
    assert part in line
    assert not figure.exists()


def test_refuses_deviations_of_other_layers(folder, capsys):
    write_table(folder / "results_std.csv", [[1] * 5])
    argv = [folder / "results.csv", 75, folder / "figure.pdf", "--std"]
    line = refusal(capsys, visualize_att_zone.main, *argv)
    assert "results_std.csv has 1 layers in place of 2" in line


@pytest.mark.parametrize(
    "change, part",
    [
        (lambda lines: lines[:-1], "lacks layer 2 p2"),
        (lambda lines: [*lines, lines[-1]], "line 32: layer 2 p2 stands there twice"),
        (lambda lines: lines[:1], "does not have each cell"),
        (lambda lines: lines[:26], "does not have each cell once for each run"),
        (lambda lines: [*lines, "d,1,q2"], "line 32: 3 values in place of 5"),
        (lambda lines: [*lines[:-1], lines[-1] + "x"], "line 31: f1 is '94x', which is not"),
    ],
)
def test_refuses_other_long_tables(folder, capsys, change, part):
    path = folder / "results_long.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    line = refusal(capsys, visualize_att_zone.main, path, 75, folder / "figure.pdf")
    assert part in line


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda text: "", "is empty; is it the right file?"),
        (lambda text: text.replace("significant", "sure"), "get_results.py --baseline wrote"),
        (
            lambda text: text.replace("True", "perhaps"),
            "significant is 'perhaps', which is not 1 or 0",
        ),
        (lambda text: text.replace("78.344", "178"), "score is '178', which is not a score"),
        (lambda text: text.replace("1,q2,", "1,q3,"), "line 3: zone is 'q3', which is not one of"),
        (lambda text: text.replace("\n2,p2,", "\n3,p2,"), "lacks layer 2 p2"),
        (lambda text: text.replace("2,p2,80.567", "2,p2,80.6"), "different baselines"),
        (lambda text: text + text.splitlines()[-1], "line 12: layer 2 p2 stands there twice"),
    ],
)
def test_refuses_other_significance_tables(folder, capsys, change, expected):
    path = folder / "results_significance.csv"
    path.write_text(change(path.read_text()))
    argv = [folder / "results.csv", path, folder / "figure.pdf"]
    line = refusal(capsys, visualize_att_zone.main, *argv)
    assert "baseline: %s" % path in line and expected in line


def test_one_run_has_no_deviation(folder, capsys):
    path = folder / "results_long.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:11]) + "\n")
    line = refusal(capsys, visualize_att_zone.main, path, 75, folder / "figure.pdf", "--std")
    assert "has one run only" in line
