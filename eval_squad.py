"""The official SQuAD 2.0 metric of a prediction file: how many answers are right, how nearly.

How answers are scored stands in squad/metric.py, what "no answer" adds in squad/no_answer.py.
"""

import common.environment  # noqa: F401

import json
import math
import sys

import numpy as np

import cmrc2018.metric
from common import command_line, files
from common.command_line import UserError
from common.progress import say
from common.sample import read_sample
from maps.told import tell_intervals
from spans import data_sets
from squad import no_answer
from squad.metric import read_no_answer_probabilities, read_predictions, summary

_DESCRIPTION = """\
Scores a prediction file with the official SQuAD 2.0 metric (it serves SQuAD 1.1 as well).

  python eval_squad.py squad/dev-v1.1.json predictions.json

reads the questions with their gold answers, and the predicted answers {"question id": "text"}; it
prints one line of JSON: exact match and F1 in percent, over all questions and over those with
(HasAns) and without (NoAns) an answer."""


def _parser():
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument("data_file", help="questions and gold answers: dev-v1.1.json or like it")
    parser.add_argument("prediction_file", help="predictions.json, or that of a cell")
    parser.add_argument(
        "--dataset",
        choices=data_sets.NAMES,
        default=data_sets.DEFAULT,
        help="cmrc2018: for Chinese, the metric of eval_cmrc2018.py (default: %(default)s)",
    )
    parser.add_argument(
        "--na-prob-file",
        "-n",
        metavar="FILE",
        help='the probability of "no answer" for each question {"question id": 0.17}; '
        "adds the best thresholds to the output",
    )
    parser.add_argument(
        "--na-prob-thresh",
        "-t",
        metavar="T",
        type=float,
        help='count as "no answer" where that probability exceeds T (default: 1.0, so never)',
    )
    parser.add_argument(
        "--out-file", "-o", metavar="FILE", help="write the line of JSON to this file, too"
    )
    parser.add_argument(
        "--out-image-dir",
        "-p",
        metavar="DIR",
        help="draw precision-recall curves and histograms of the probabilities into this "
        "directory, as PNG; adds average precisions to the output (needs --na-prob-file)",
    )
    parser.add_argument(
        "--verbose", "-v", action="store_true", help="say on stderr what was read and found"
    )
    return parser


def _check(options):
    if options.na_prob_file is not None and not data_sets.named(options.dataset).has_null_answers:
        raise UserError(
            "--na-prob-file: with --dataset=%s every question has an answer; leave it out"
            % options.dataset
        )
    if options.na_prob_file is None:
        for name in ("na_prob_thresh", "out_image_dir"):
            if getattr(options, name) is not None:
                flag = "--" + name.replace("_", "-")
                raise UserError("%s needs the probabilities; add --na-prob-file FILE" % flag)
    if options.na_prob_thresh is None:
        options.na_prob_thresh = 1.0
    if math.isnan(options.na_prob_thresh):
        raise UserError("--na-prob-thresh: nan is not a threshold; give a number such as 0.5")
    if options.out_file is not None:
        inputs = [options.data_file, options.prediction_file, options.na_prob_file]
        files.check_writable(options.out_file, "--out-file", inputs)


def _with_probabilities(development, predictions, scores, options):
    """What ``--na-prob-file`` adds: (thresholded Scores, more of the result, images)."""
    by_question = read_no_answer_probabilities(options.na_prob_file)
    source = "--na-prob-file: %s" % options.na_prob_file
    na_probs = np.array(development.in_order(by_question, source), np.float64)
    # Of equal probabilities the first in the file comes first, as in the official tool.
    place = {key: index for index, key in enumerate(development.question_ids)}
    among = filter(place.__contains__, by_question)
    order = np.array([place[key] for key in sorted(among, key=by_question.get)])
    is_empty = np.array([not predictions[key] for key in development.question_ids])
    more, images = {}, {}
    for name, values in scores._asdict().items():
        more["best_" + name], more["best_%s_thresh" % name] = no_answer.best_threshold(
            values, development.has_answer, is_empty, order, na_probs
        )
    if options.out_image_dir is not None:
        averages, images = no_answer.analysis(scores, development.has_answer, na_probs)
        more.update(averages)
    decided = no_answer.apply_threshold(
        scores, development.has_answer, na_probs, options.na_prob_thresh
    )
    return decided, more, images


def _tell(development, scores, options):
    right, near = int(scores.exact.sum()), int(((scores.f1 > 0) & (scores.exact == 0)).sum())
    print(
        "%s: %d questions, %d of them with an answer\n%s: %d right, %d nearly, %d wrong"
        % (
            options.data_file,
            len(development),
            development.has_answer.sum(),
            options.prediction_file,
            right,
            near,
            len(development) - right - near,
        ),
        file=sys.stderr,
    )


def _evaluated(development, predictions, options):
    """(the result, the images: dict file name -> PNG as bytes)."""
    source = "prediction file: %s" % options.prediction_file
    if options.dataset == "cmrc2018":
        result = cmrc2018.metric.evaluation(development, predictions, source, say)
        tell_intervals(development, development.score_those_there(predictions), ("EM", "F1"))
        return result, {}
    scores = development.score(predictions, source)
    more, images = {}, {}
    if options.na_prob_file is not None:
        scores, more, images = _with_probabilities(development, predictions, scores, options)
    tell_intervals(development, scores, ("exact", "f1"))
    if options.verbose:
        _tell(development, scores, options)
    return {**summary(scores, development.has_answer), **more}, images


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    _check(options)
    sample = read_sample(files.directory_of(options.prediction_file))
    development = data_sets.development_set(options.data_file, options.dataset, sample=sample)
    predictions = read_predictions(options.prediction_file)
    result, images = _evaluated(development, predictions, options)
    if images:
        files.make_directory(options.out_image_dir, "--out-image-dir")
    for name, image in images.items():
        files.write_bytes(files.join(options.out_image_dir, name), image, "--out-image-dir")
    if options.out_file is not None:
        files.write_json(options.out_file, result, "--out-file", indent=None)
    print(json.dumps(result))


if __name__ == "__main__":
    command_line.run(main)
