"""Which baseline, deviation and test belong to a table, from prediction files to the figure."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import warnings

import pytest

import get_results
import visualize_att_zone
from maps import fonts
from tests.support.refusals import refusal
from tests.support.small_map import write_questions, write_run

DEVIATION = "\N{PLUS-MINUS SIGN}%.1f"
BREAKS = (0, 1, 4)  # how many more answers every mask breaks in the runs a, b, c
RIGHT = (30, 32, 35)  # and what their baselines have right


@pytest.fixture
def root(tmp_path):
    write_questions(tmp_path / "dev.json")
    for name, shift, right in zip("abc", BREAKS, RIGHT):
        write_run(tmp_path / name, shift, right, nearly=3)
    return tmp_path


def collect(root, runs, *more, table="results.csv"):
    folders = [str(root / run) for run in runs]
    get_results.main(
        [*folders, str(root / table), "--data-file", str(root / "dev.json"), *map(str, more)]
    )


def draw(root, capsys, table, baseline, *more):
    """(the texts of the figure, what was said on stderr)."""
    capsys.readouterr()
    if str(baseline).endswith(".csv"):
        baseline = root / baseline
    argv = [root / table, baseline, root / "map.svg", *more]
    visualize_att_zone.main([str(word) for word in argv])
    svg = (root / "map.svg").read_text(encoding="utf-8")
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg), capsys.readouterr().err


# Score and baseline -----------------------------------------------------------------------------


def test_the_bar_names_the_score_of_the_table(root, capsys):
    collect(root, "a", "--use-f1")
    texts, _ = draw(root, capsys, "results.csv", "80")
    assert "F1 minus" in texts
    collect(root, "a")
    texts, err = draw(root, capsys, "results.csv", "75")
    assert "Exact match minus" in texts and err == ""
    # As a spreadsheet program saves it, it is the same table; with another score it is not.
    path = root / "results.csv"
    text = path.read_text()
    path.write_bytes(("\ufeff" + text.replace(",", ";").replace(".", ",")).encode())
    assert "Exact match minus" in draw(root, capsys, "results.csv", "75")[0]
    path.write_text(text.replace("72.5", "72.6"))
    assert "Score minus" in draw(root, capsys, "results.csv", "75")[0]


def test_a_baseline_of_another_score_or_table(root, capsys):
    f1 = 100 * (30 + 3 * 2 / 3) / 40
    collect(root, "a")
    _, err = draw(root, capsys, "results.csv", "%.3f" % f1)
    assert err == (
        "WARNING: baseline: 80.000 is the F1 of the unmasked reader, and %s holds exact match, "
        "whose baseline is 75\n" % (root / "results.csv")
    )
    _, err = draw(root, capsys, "results.csv", "80.567")
    assert err.startswith("WARNING: baseline: 80.567 is not the baseline of %s" % root)
    assert draw(root, capsys, "results.csv", "75.001")[1] == ""  # cut off, not rounded
    collect(root, "abc")
    assert "not the baseline" in draw(root, capsys, "results_long.csv", "75")[1]
    assert draw(root, capsys, "results_long.csv", "%.3f" % (97 / 1.2))[1] == ""


def test_the_metric_of_a_table_cannot_be_another(root, capsys):
    collect(root, "a", "--use-f1")
    collect(root, "a", "--baseline", root / "a" / "predictions.json", table="em.csv")
    capsys.readouterr()
    argv = [root / "results.csv", 80, root / "map.pdf"]
    line = refusal(capsys, visualize_att_zone.main, *argv, "--metric", "exact")
    assert "holds F1, as %s says" % (root / "results.json") in line
    argv = [root / "results.csv", root / "em_significance.csv", root / "map.pdf"]
    path = root / "em_significance.csv"
    lines = path.read_text().splitlines()
    # As an older version wrote it.
    path.write_text("\n".join(",".join(line.split(",")[:12]) for line in lines) + "\n")
    assert "compares exact match" in refusal(capsys, visualize_att_zone.main, *argv)
    argv = [root / "em.csv", 75, root / "map.pdf", "--side-by-side", root / "results.csv"]
    line = refusal(capsys, visualize_att_zone.main, *argv, "--other-baseline", 80)
    assert "have another score each (Exact match and F1)" in line


def test_a_prediction_folder_in_place_of_the_number(root, capsys, monkeypatch):
    collect(root, "a")
    wanted = "\N{MINUS SIGN}2.5"  # 29 of 40 in place of 30
    texts, err = draw(root, capsys, "results.csv", root / "a", "--annot")
    assert wanted in texts and err == ""
    # A folder that was not among the runs is scored.
    texts, err = draw(root, capsys, "results.csv", root / "c", "--annot")
    assert "\N{MINUS SIGN}15.0" in texts and "87.5 is not the baseline" not in texts
    assert err.startswith("WARNING: baseline: %s is not the baseline" % (root / "c"))
    # So is one of a table that nothing is known of.
    (root / "results.json").unlink()
    argv = [root / "results.csv", root / "a", root / "map.pdf"]
    monkeypatch.chdir(root)
    line = refusal(capsys, visualize_att_zone.main, *argv)
    assert "there is no squad/dev-v1.1.json; name them with --data-file" in line
    data = ["--data-file", root / "dev.json"]
    assert wanted in draw(root, capsys, "results.csv", root / "a", "--annot", *data)[0]
    (root / "a" / "predictions.json").unlink()
    assert "has no predictions.json" in refusal(capsys, visualize_att_zone.main, *argv, *data)


def test_the_last_layer_gives_a_wrong_baseline_away(root, capsys, shared):
    collect(root, "a")
    (root / "results.json").unlink()
    _, err = draw(root, capsys, "results.csv", "80.567")
    assert err == (
        "WARNING: baseline: in the last layer of %s, q2 75 should equal the baseline 80.567, for "
        "masking there changes no row of the passage; is it the baseline of another table, or the "
        "table of another reader?\n" % (root / "results.csv")
    )
    for number, baseline in ((1, "80.567"), (2, "80.901")):
        shutil.copy(str(shared / "tables" / ("table%d.csv" % number)), str(root / "t.csv"))
        assert draw(root, capsys, "t.csv", baseline)[1] == ""
        assert "q2 80" in draw(root, capsys, "t.csv", "80.7")[1]
    assert draw(root, capsys, "t.csv", "80.9")[1] == ""  # rounded to what was typed


def test_the_last_layer_of_another_reader(root, capsys):
    """The folder's own baseline, and files of two readers beside it."""
    for zone in ("q2", "q2p"):
        path = "predictions_layer1_%s.json" % zone
        shutil.copy(str(root / "c" / path), str(root / "a" / path))
    collect(root, "a", "--baseline", root / "a" / "predictions.json")
    wanted = "q2 87.5 and q2p 87.5 should equal the baseline 75"
    assert wanted in draw(root, capsys, "results.csv", root / "a")[1]
    assert wanted in draw(root, capsys, "results.csv", "results_significance.csv")[1]


# Deviations and tests ---------------------------------------------------------------------------


def changes(zone_number, layer):
    """The change of exact match in each run, for a cell that is not harmless."""
    return [-100 * (1 + layer + 5 * zone_number + shift) / 40 for shift in BREAKS]


def test_the_deviation_is_that_of_the_change(root, capsys):
    collect(root, "abc", "--baseline", "predictions.json")
    table = ("results.csv", "results_significance.csv")
    texts, _ = draw(root, capsys, *table, "--std")
    wanted = statistics.stdev(changes(0, 0))
    of_score = statistics.stdev(
        [change + 100 * right / 40 for change, right in zip(changes(0, 0), RIGHT)]
    )
    assert DEVIATION % wanted in texts and abs(wanted - of_score) > 1
    assert DEVIATION % of_score not in texts
    assert texts.count(DEVIATION % 0) == 2  # the harmless cells change nothing in any run
    assert "\N{PLUS-MINUS SIGN} standard deviation of the change over the runs" in texts
    assert DEVIATION % wanted in draw(root, capsys, "results_long.csv", "80.833", "--std")[0]


def test_without_the_runs_baselines_it_is_that_of_the_score(root, capsys):
    for run in "abc":
        (root / run / "predictions.json").unlink()
    collect(root, "abc")
    texts, _ = draw(root, capsys, "results.csv", "80.833", "--std")
    assert "\N{PLUS-MINUS SIGN} standard deviation of the score over the runs" in texts


def footnote(root, capsys):
    texts, _ = draw(root, capsys, "results.csv", "results_significance.csv")
    return " ".join(texts).partition("not significant (")[2]


def test_the_footnote_names_the_test_that_was_made(root, capsys):
    collect(root, "abc", "--baseline", "predictions.json")
    assert footnote(root, capsys).startswith("score test clustered by passage and run, Holm's")
    collect(root, "a", "--baseline", root / "a" / "predictions.json", "--cluster", "article")
    assert footnote(root, capsys).startswith("score test clustered by article, Holm's")
    # Tables that an older version wrote.
    path = root / "results_significance.csv"
    rows = [line.split(",")[:13] for line in path.read_text().splitlines()]
    rows[1:] = [[*row[:9], row[12], *row[10:12]] for row in rows[1:]]
    path.write_text("\n".join(",".join(row[:12]) for row in rows) + "\n")
    assert footnote(root, capsys).startswith("McNemar's exact test")
    rows[1:] = [[*row[:9], "0.123", *row[10:12]] for row in rows[1:]]
    path.write_text("\n".join(",".join(row[:12]) for row in rows) + "\n")
    assert footnote(root, capsys).startswith("Student's t test over the runs")


def test_f1_has_dots_of_its_own(root, capsys):
    collect(root, "a", "--use-f1", "--baseline", root / "a" / "predictions.json")
    texts, err = draw(root, capsys, "results.csv", "results_significance.csv")
    assert "F1 minus" in texts and err == ""
    assert any("not significant" in text for text in texts)


def test_a_deviation_that_is_older_than_its_table(root, capsys):
    collect(root, "abc")
    collect(root, "a")
    capsys.readouterr()
    argv = [root / "results.csv", 75, root / "map.pdf", "--std"]
    assert "results_std.csv is older than" in refusal(capsys, visualize_att_zone.main, *argv)
    # Tables that nobody wrote anything beside: then the files' times tell.
    (root / "results.json").unlink()
    times = {"results.csv": 2000, "results_std.csv": 1000}
    for name, seconds in times.items():
        os.utime(str(root / name), (seconds, seconds))
    assert "results_std.csv is older than" in refusal(capsys, visualize_att_zone.main, *argv)
    os.utime(str(root / "results.csv"), (1000.5, 1000.5))
    assert "of the score" in "".join(draw(root, capsys, "results.csv", "75", "--std")[0])


# The user's machine -----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_users_matplotlibrc_has_no_effect(root):
    collect(root, "a")
    settings = "text.usetex: True\nfont.size: 30\naxes.grid: True\nimage.cmap: gray\n"
    (root / "matplotlibrc").write_text(settings + "savefig.facecolor: black\n")
    script = visualize_att_zone.__file__
    made = []
    for name, folder in (("with", str(root)), ("without", None)):
        environment = {k: v for k, v in os.environ.items() if k != "MATPLOTLIBRC"}
        if folder:
            environment["MATPLOTLIBRC"] = folder
        argv = [sys.executable, script, "../results.csv", "75", "map.svg", "--annot"]
        (root / name).mkdir()
        done = subprocess.run(
            [*argv, "--title", "A_b $x$"],
            cwd=str(root / name),
            env=environment,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        made.append((root / name / "map.svg").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_titles_in_other_scripts(root, capsys, ending):
    collect(root, "a")
    capsys.readouterr()
    title = "\u6ce8\u610f\u529b\u533a\u57df \u1230"  # Chinese, and a sign of Amharic
    argv = [str(root / "results.csv"), "75", str(root / ("map." + ending)), "--title", title]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # pyparsing's is both; nobody sees it
        visualize_att_zone.main(argv)
    lines = capsys.readouterr().err.splitlines()
    missing = fonts.missing_in(title)
    assert len(lines) == (1 if missing and ending != "svg" else 0)
    assert all(line.startswith("NOTE: no font here has the signs " + missing) for line in lines)


def test_a_font_is_taken_that_has_the_signs():
    assert fonts.for_text("Attention") == {}
    assert fonts.missing_in("Attention \N{PLUS-MINUS SIGN}") == ""
    private = "\U0010fffd"  # no font has a sign for it
    assert fonts.missing_in("a" + private) == private
