"""A folder of predictions -> one HTML file that shows the map and the questions behind it.

What the page holds is gathered in maps/report/contents.py; how it looks stands beside it.
"""

import common.environment  # noqa: F401

from common import command_line, files
from maps import arguments
from maps.report import contents, page

# Mail takes files of some 20 MB at most, of which encoding eats a quarter.
_LARGE = 15e6

_DESCRIPTION = """\
Writes a report to look at: the map, and behind each square the questions that the mask broke or
mended, with their passages and answers.

  python report.py prediction squad/dev-v1.1.json report.html

reads the predictions of the cells and of the baseline in prediction (written by decode_squad.sh)
and the questions. The page is one file, which works from disk and by mail. With n-best lists of
the cells (bash decode_squad.sh -- --write_nbest=True) it sorts by the confidence that the mask
took; without, by that of the baseline alone. Several runs of one reader, and another reader beside:

  python report.py prediction_seed* squad/dev-v1.1.json report.html
  python report.py prediction squad/dev-v1.1.json report.html --beside prediction_of_other \\
      --name BERT --name ELECTRA"""


_ORDER = (
    ("prediction", lambda text: not text.lower().endswith((".json", ".html", ".htm"))),
    ("squad/dev-v1.1.json", lambda text: text.lower().endswith(".json")),
    ("report.html", lambda text: text.lower().endswith((".html", ".htm"))),
)


def _parser():
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    arguments.add_folders(
        parser,
        " (default: predictions.json in that folder); nbest_predictions.json is looked for beside "
        "it",
    )
    parser.add_argument("data_file", help="the questions, with their gold answers")
    parser.add_argument("report_file", help="the page to write, ending in .html")
    parser.add_argument(
        "--beside",
        metavar="FOLDER",
        action="append",
        default=[],
        help="predictions of another reader, shown beside; of several runs, once for each",
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        action="append",
        default=[],
        type=command_line.text,
        help="what to call the reader (default: its note's source, or its folder); given twice, "
        "the second is that of --beside",
    )
    arguments.add_data_set(parser)
    parser.add_argument(
        "--title",
        metavar="TEXT",
        type=command_line.text,
        help="the heading (default: of the data file's name)",
    )
    return parser


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_intermixed_args(argv)
    given = (options.prediction_folders[-1], options.data_file, options.report_file)
    command_line.check_order("report.py", given, _ORDER)
    if not options.report_file.lower().endswith((".html", ".htm")):
        raise command_line.UserError(
            "report file: %s does not end in .html, by which browsers know it" % options.report_file
        )
    readers = [options.prediction_folders] + ([options.beside] if options.beside else [])
    if len(options.name) > len(readers):
        raise command_line.UserError(
            "--name: %d names for %d reader%s; name another one's folder with --beside"
            % (len(options.name), len(readers), "s"[: len(readers) - 1])
        )
    files.check_writable(options.report_file, "report file", [options.data_file])
    asked = contents.Asked(
        readers,
        options.name,
        options.data_file,
        options.report_file,
        options.baseline,
        options.title,
        options.dataset,
        arguments.command("report.py", argv),
    )
    gathered = contents.gather(asked)
    html = page.render(gathered)
    files.write_bytes(options.report_file, html, "report file")
    for lack in gathered["missing"]:
        print("%s are empty in it: %s" % (lack["share"], lack["what"]))
    size = "%.1f MB" % (len(html) / 1e6)
    print(
        "wrote %s (%s%s)"
        % (options.report_file, size, ", large for mail" if len(html) > _LARGE else "")
    )


if __name__ == "__main__":
    command_line.run(main)
