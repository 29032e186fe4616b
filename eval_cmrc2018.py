"""The metric of CMRC 2018 for a prediction file: exact match and F1 of Chinese answers.

How one answer is scored stands in cmrc2018/metric.py.
"""

import common.environment  # noqa: F401

import json

from cmrc2018.metric import evaluation
from common import command_line, files
from common.progress import say
from common.sample import read_sample
from maps.told import tell_intervals
from spans import data_sets
from squad.metric import read_predictions

_DESCRIPTION = """\
Scores a prediction file with the metric of CMRC 2018.

  python eval_cmrc2018.py cmrc2018/cmrc2018_dev.json predictions.json

reads the questions with their gold answers (CMRC 2018's own form or SQuAD's), and the predicted
answers {"question id": "text"}; it prints one line of JSON: EM (exact match of characters), F1
(over the longest common substring) and AVERAGE, their mean, in percent over TOTAL questions. SKIP
of them have no prediction; they count as wrong and are named on stderr."""


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
        inputs = [options.data_file, options.prediction_file]
        files.check_writable(options.out_file, "--out-file", inputs)
    sample = read_sample(files.directory_of(options.prediction_file))
    development = data_sets.development_set(options.data_file, "cmrc2018", sample=sample)
    predictions = read_predictions(options.prediction_file)
    source = "prediction file: %s" % options.prediction_file
    result = evaluation(development, predictions, source, say)
    tell_intervals(development, development.score_those_there(predictions), ("EM", "F1"))
    if options.out_file is not None:
        files.write_json(options.out_file, result, "--out-file", indent=None)
    print(json.dumps(result))


if __name__ == "__main__":
    command_line.run(main)
