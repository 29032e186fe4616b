"""results.csv -> the map: how much each layer needs each attention zone, as a heatmap."""

import common.environment  # noqa: F401

import argparse

from common import command_line, files
from common.command_line import UserError
from common.progress import say
from maps import arguments, attention, attention_figure, caption, figure
from maps.layout import HIGHEST, LOWEST, WIDTHS, Look
from maps.panels import METRIC_NAMES, Choice, read_panel

_WIDEST = 2000  # millimetres

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

  python visualize_att_zone.py results.csv prediction squad.pdf --attention prediction

As wide as a column of a journal, in its font, with a caption beside it:

  python visualize_att_zone.py results.csv results_significance.csv squad.pdf --width column \\
      --font Arial --caption squad.txt"""


def _add_look(parser):
    parser.add_argument(
        "--width",
        metavar="MM",
        type=_width,
        help="how wide the figure is, in millimetres, or %s; its text is then of five to eight "
        "points" % ", ".join("%s (%g)" % pair for pair in WIDTHS.items()),
    )
    parser.add_argument(
        "--font", metavar="NAME", type=command_line.text, help="a font, such as Arial"
    )
    for flag, end, name in (("--vmin", LOWEST, "lowest"), ("--vmax", HIGHEST, "highest")):
        parser.add_argument(
            flag,
            metavar="POINTS",
            type=float,
            default=end,
            help="the change with the %s colour (default: %%(default)g); zero stays white, and a "
            "line below the map says it" % name,
        )
    parser.add_argument(
        "--caption",
        metavar="FILE",
        help="write a caption, too: questions, passages, seeds, test, correction, zones",
    )


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


def _width(text):
    """Millimetres of ``column``, ``page`` or a number."""
    try:
        width = WIDTHS.get(text) or float(text)
    except ValueError:
        width = -1
    if not 0 < width <= _WIDEST:
        raise argparse.ArgumentTypeError(
            "%r is neither %s nor a width in millimetres, up to %d"
            % (text, " nor ".join(WIDTHS), _WIDEST)
        )
    return width


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
    _add_look(parser)
    return parser


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


def _weights(options, panel):
    """What is drawn beside a panel, if anything is, and the panel with a note on it."""
    if not options.attention:
        return None, panel
    weights = attention_figure.weights_of(options.attention, panel.table)
    notes = [panel.note] if panel.note else []
    note = "\n".join([*notes, attention_figure.note_on(panel, weights)])
    paths = (*panel.paths, *map(attention.path_in, options.attention))
    return attention_figure.Weights(weights), panel._replace(note=note, paths=paths)


def _panels(options):
    choice = Choice(options.metric, options.std, options.zone, options.span, options.data_file)
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


def _look(options):
    if not -100 <= options.vmin < 0 < options.vmax <= 100:
        raise UserError(
            "--vmin, --vmax: zero, which is white, must lie between %g and %g, and both within "
            "-100 and 100" % (options.vmin, options.vmax)
        )
    return Look(options.width, options.font, options.vmin, options.vmax)


def _write_caption(panels, look, path):
    files.write_bytes(path, caption.text_of(panels, look).encode("utf-8", "replace"), "--caption")
    lacking = caption.lacks(panels)
    if lacking:
        say(
            "NOTE: --caption: of %s no results.json beside it tells questions, passages and seeds; "
            "they are not in %s" % (" and ".join(lacking), path)
        )


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    _check(options)
    figure.format_of(options.figure_file)
    look = _look(options)
    files.check_writable(options.figure_file, "figure file")
    if options.caption:
        inputs = [options.results_file, options.baseline, options.side_by_side]
        files.check_writable(options.caption, "--caption", [*inputs, options.figure_file])
    panels = _panels(options)
    beside, panels[0] = _weights(options, panels[0])
    figure.save_figure(
        figure.maps_figure(panels, options.annot, look, beside),
        options.figure_file,
        facts=figure.facts_of(panels, arguments.command("visualize_att_zone.py", argv)),
    )
    written = [options.figure_file]
    if options.caption:
        _write_caption(panels, look, options.caption)
        written.append(options.caption)
    for panel in panels:
        if panel.doubt:
            say("WARNING: " + panel.doubt)
    print("wrote " + " and ".join(written))


if __name__ == "__main__":
    command_line.run(main)
