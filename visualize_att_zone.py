"""results.csv -> the map: how much each layer needs each attention zone, as a heatmap."""

import common.environment  # noqa: F401

from common import command_line, files
from common.command_line import UserError
from common.progress import say
from maps import attention_figure, figure
from maps.panels import METRIC_NAMES, Choice, Table, read_panel

_DESCRIPTION = """\
Draws the map of attention zones: a square for each layer (1 at the bottom) and zone, coloured by
its score minus the baseline. Dark red: the reader needs that zone there.

  python visualize_att_zone.py results.csv 80.567 squad.pdf

reads results.csv (written by get_results.py) and draws squad.pdf. The baseline is the same score
with nothing masked, in percent: "exact" of eval_squad.py for predictions.json. In its place may
stand the prediction folder, whose predictions.json holds the answers with nothing masked:

  python visualize_att_zone.py results.csv prediction squad.pdf

The table
results_significance.csv (get_results.py --baseline) in its place holds the baseline, too, and
gives a dot to the squares that are not significantly different from it:

  python visualize_att_zone.py results.csv results_significance.csv squad.pdf

Two maps with one colour bar:

  python visualize_att_zone.py a.csv 80.567 both.pdf --side-by-side b.csv --other-baseline 80.901

What is looked at beside what is needed (attention.csv: run_squad.py --write_attention=True):

  python visualize_att_zone.py results.csv prediction squad.pdf --attention prediction"""


def _parser():
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument(
        "results_file",
        help="the table of scores, written by get_results.py: results.csv, or results_long.csv "
        "(the mean over its runs is drawn), results_heads.csv, results_spans.csv, "
        "results_every.csv",
    )
    parser.add_argument(
        "baseline",
        help="the score with nothing masked, for example 80.567; or the prediction folder, which "
        "holds the answers with nothing masked; or results_significance.csv",
    )
    parser.add_argument(
        "figure_file", help="the figure to write; its ending is the format: .pdf, .png or .svg"
    )
    parser.add_argument(
        "--annot", action="store_true", help="write the values into the squares, too"
    )
    parser.add_argument(
        "--title", metavar="TEXT", type=command_line.text, help="a line above the map"
    )
    parser.add_argument(
        "--metric",
        choices=tuple(METRIC_NAMES),
        help="the score of the table, to name it at the colour bar; of results_long.csv, the "
        "column to draw (default: exact). The baseline must be the same score",
    )
    parser.add_argument(
        "--std",
        action="store_true",
        help="write the values and, below them, their standard deviations over runs: those of "
        "results_std.csv beside results.csv, or of results_long.csv",
    )
    parser.add_argument(
        "--zone", metavar="ZONE", help="of results_heads.csv, the zone to draw: layers x heads"
    )
    parser.add_argument(
        "--span",
        metavar="N",
        type=int,
        help="of results_spans.csv, how many layers are masked together",
    )
    parser.add_argument(
        "--data-file",
        metavar="FILE",
        help="the questions, to score the baseline of a prediction folder with (default: those "
        "that the table was made with)",
    )
    _add_what_goes_beside(parser)
    return parser


def _add_what_goes_beside(parser):
    parser.add_argument(
        "--side-by-side", metavar="FILE", help="draw the map of this table, too, as B beside A"
    )
    parser.add_argument("--other-baseline", metavar="BASELINE", help="the baseline of that table")
    parser.add_argument(
        "--other-title", metavar="TEXT", type=command_line.text, help="a line above that map"
    )
    parser.add_argument(
        "--attention",
        metavar="FILE",
        action="append",
        help="draw what is looked at beside the map: an attention.csv, or the prediction folder "
        "that holds it; of several runs, once for each, and the mean is drawn",
    )


_ORDER = (
    ("results.csv", lambda text: text.lower().endswith(".csv")),
    ("80.567", lambda text: not text.lower().endswith(tuple(figure.FORMATS))),
    ("squad.pdf", lambda text: text.lower().endswith(tuple(figure.FORMATS))),
)


def _check(options):
    given = (options.results_file, options.baseline, options.figure_file)
    command_line.check_order("visualize_att_zone.py", given, _ORDER)
    for name in ("other_baseline", "other_title"):
        if getattr(options, name) is not None and options.side_by_side is None:
            raise UserError(
                "--%s needs a second table; add --side-by-side FILE" % name.replace("_", "-")
            )
    if options.side_by_side and options.attention:
        raise UserError("--attention is drawn beside one map; leave --side-by-side out")
    if options.side_by_side and options.other_baseline is None:
        raise UserError(
            "--side-by-side: %s is the baseline of the first table only; add --other-baseline with "
            "that of %s" % (options.baseline, options.side_by_side)
        )


def _choice(options):
    return Choice(options.metric, options.std, options.zone, options.span, options.data_file)


def _panels(options):
    choice = _choice(options)
    first = read_panel(options.results_file, options.baseline, choice, options.title)
    if options.side_by_side is None:
        return [first]
    names = ("--side-by-side", "--other-baseline")
    given = (options.side_by_side, options.other_baseline)
    second = read_panel(*given, choice, options.other_title, names)
    faults = {
        "layers": (len(first.change), len(second.change)),
        "score": tuple(METRIC_NAMES.get(panel.metric) for panel in (first, second)),
    }
    for what, (one, other) in faults.items():
        if None not in (one, other) and one != other:
            raise UserError(
                "--side-by-side: %s and %s have another %s each (%s and %s), and do not go on one "
                "colour bar; draw two figures"
                % (options.results_file, options.side_by_side, what, one, other)
            )
    return [first, second]


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    _check(options)
    figure.format_of(options.figure_file)
    files.check_writable(options.figure_file, "figure file")
    panels = _panels(options)
    if options.attention:
        table = Table(options.results_file, _choice(options), "results file")
        weights = attention_figure.weights_of(options.attention, table)
        drawn = attention_figure.draw(panels[0], weights, options.annot)
    else:
        drawn = figure.maps_figure(panels, options.annot)
    figure.save_figure(drawn, options.figure_file)
    for panel in panels:
        if panel.doubt:
            say("WARNING: " + panel.doubt)
    print("wrote " + options.figure_file)


if __name__ == "__main__":
    command_line.run(main)
