"""The metric of CMRC 2018 for a prediction file: exact match and F1 of Chinese answers.

How one answer is scored stands in cmrc2018/metric.py.
"""

import json
import sys

from cmrc2018.metric import DevelopmentSet
from common import command_line, files
from common.command_line import UserError
from squad.metric import read_predictions

_DECIMALS = 3

_DESCRIPTION = """\
Scores a prediction file with the metric of CMRC 2018.

  python eval_cmrc2018.py cmrc2018/cmrc2018_dev.json predictions.json

reads the questions with their gold answers (CMRC 2018's own form or SQuAD's), and the predicted
answers {"question id": "text"}; it prints one line of JSON: EM (exact match of characters), F1
(over the longest common substring) and AVERAGE, their mean, in percent over TOTAL questions. SKIP
of them have no prediction; they count as wrong and are named on stderr."""


def summary(scores, num_skipped):
    """The metric as the published script names it; percentages with three decimals.

    Args:
        scores: Scores; 0 for questions without a prediction.
        num_skipped: how many of them there are.

    Returns:
        dict ``AVERAGE``, ``F1``, ``EM``, ``TOTAL``, ``SKIP``.
    """
    total = len(scores.exact)
    # Added up one by one in the data's order: numpy's sum may differ in the last digit.
    f1 = 100.0 * sum(scores.f1.tolist()) / total
    exact = 100.0 * sum(scores.exact.tolist()) / total
    return {
        "AVERAGE": round((exact + f1) / 2, _DECIMALS),
        "F1": round(f1, _DECIMALS),
        "EM": round(exact, _DECIMALS),
        "TOTAL": total,
        "SKIP": num_skipped,
    }


def _check_they_fit(development, predictions, options):
    known = set(development.question_ids)
    unknown = sum(key not in known for key in predictions)
    if unknown == len(predictions):
        raise UserError(
            "prediction file: %s has no answer to any question of %s; give the data file that was "
            "decoded" % (options.prediction_file, options.data_file)
        )
    if unknown:
        print(
            "NOTE: %d predictions are for questions that are not in %s; they are left out"
            % (unknown, options.data_file),
            file=sys.stderr,
        )


def _parser():
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument("data_file", help="questions and gold answers: cmrc2018_dev.json")
    parser.add_argument("prediction_file", help="predictions.json, or that of a cell")
    parser.add_argument(
        "--out-file", "-o", metavar="FILE", help="write the line of JSON to this file, too"
    )
    return parser


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    if options.out_file is not None:
        files.check_writable(options.out_file, "--out-file")
    development = DevelopmentSet(options.data_file)
    predictions = read_predictions(options.prediction_file)
    _check_they_fit(development, predictions, options)
    skipped = [key for key in development.question_ids if key not in predictions]
    for key in skipped:
        print("no prediction for question %s" % key, file=sys.stderr)
    result = summary(development.score_those_there(predictions), len(skipped))
    if options.out_file is not None:
        files.write_json(options.out_file, result, "--out-file", indent=None)
    print(json.dumps(result))


if __name__ == "__main__":
    command_line.run(main)
