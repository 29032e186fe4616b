"""The official SQuAD 2.0 metric of a prediction file: how many answers are right, how nearly.

How one answer is scored stands in squad/metric.py; here are the means over a data set, the best
threshold for saying "no answer", precision-recall curves, and the command line.
"""

import io
import json
import math
import sys
from typing import NamedTuple

import numpy as np

from common import command_line, files
from common.command_line import UserError
from squad.metric import (
    DevelopmentSet,
    Scores,
    read_no_answer_probabilities,
    read_predictions,
)

# Scores of a data set ---------------------------------------------------------------------------


def summary(scores, has_answer):
    """The metric in percent, as the official tool names it.

    Args:
        scores: Scores.
        has_answer: bool ``[questions]``.

    Returns:
        dict ``exact``, ``f1``, ``total``, then the same with ``HasAns_`` and ``NoAns_`` for the
        questions with and without an answer, where there are any.
    """
    result = _means(scores, np.ones_like(has_answer), "")
    for prefix, chosen in (("HasAns_", has_answer), ("NoAns_", ~has_answer)):
        if chosen.any():
            result.update(_means(scores, chosen, prefix))
    return result


def _means(scores, chosen, prefix):
    # Added up one by one in the data's order, as the official tool does: numpy's sum goes
    # pairwise and may differ in the last digit.
    total = int(chosen.sum())
    return {
        prefix + "exact": 100.0 * sum(scores.exact[chosen].tolist()) / total,
        prefix + "f1": 100.0 * sum(scores.f1[chosen].tolist()) / total,
        prefix + "total": total,
    }


def apply_threshold(scores, has_answer, na_probs, threshold):
    """The scores if "no answer" is said wherever its probability exceeds the threshold.

    Args:
        scores: Scores.
        has_answer: bool ``[questions]``.
        na_probs: float64 ``[questions]``.
        threshold: float.

    Returns:
        Scores.
    """
    says_nothing = na_probs > threshold
    return Scores(*(np.where(says_nothing, ~has_answer, values) for values in scores))


def best_threshold(values, has_answer, is_empty, order, na_probs):
    """The threshold under which a score would have been highest, found with hindsight.

    At first no question is answered: the unanswerable ones are right. Then they are answered one
    by one, the surest first: an answerable question adds its score, an unanswerable one takes 1
    away unless its prediction is empty, too. The official tool does just this, and so questions of
    equal probability come one after the other, although no threshold lies between them; and the
    threshold for answering nothing is called 0, which is right for positive probabilities only.

    Args:
        values: float64 ``[questions]``, exact or f1.
        has_answer: bool ``[questions]``.
        is_empty: bool ``[questions]``, whether the predicted text is empty.
        order: int ``[questions]``, the questions by rising probability of "no answer".
        na_probs: float64 ``[questions]``.

    Returns:
        (the highest score in percent, its threshold); of equal scores the lowest threshold.
    """
    gains = np.where(has_answer, values, np.where(is_empty, 0.0, -1.0))[order]
    totals = np.cumsum(np.concatenate([[float((~has_answer).sum())], gains]))
    best = int(totals.argmax())
    threshold = float(na_probs[order[best - 1]]) if best else 0.0
    return 100.0 * float(totals[best]) / len(values), threshold


class Curve(NamedTuple):
    """A precision-recall curve.

    Attributes:
        recall: float64 ``[points]``, rising from 0.
        precision: float64 ``[points]``, at first 1.
        average_precision: the area under the steps, in percent.
    """

    recall: np.ndarray
    precision: np.ndarray
    average_precision: float


def precision_recall(values, has_answer, na_probs):
    """Precision and recall as ever more questions are answered, the surest first.

    There is a point behind each group of questions with the same probability of "no answer": with
    ``n`` questions answered and a sum of scores ``s`` over the answerable ones among them,
    precision is ``s / n`` and recall ``s / (number of answerable questions)``.

    Args:
        values: float64 ``[questions]``, 0 to 1.
        has_answer: bool ``[questions]``, at least one True.
        na_probs: float64 ``[questions]``.

    Returns:
        Curve.
    """
    order = np.argsort(na_probs, kind="stable")
    found = np.cumsum(np.where(has_answer, values, 0.0)[order])
    sorted_probs = na_probs[order]
    last_of_group = np.append(sorted_probs[1:] != sorted_probs[:-1], True)
    answered = np.arange(1, len(order) + 1)
    recall = np.append(0.0, (found / has_answer.sum())[last_of_group])
    precision = np.append(1.0, (found / answered)[last_of_group])
    area = sum((precision[1:] * np.diff(recall)).tolist())
    return Curve(recall, precision, 100.0 * area)


# Figures ----------------------------------------------------------------------------------------


def _draw(paint):
    """A PNG, as bytes, of what ``paint(axes)`` draws."""
    # Loaded only where figures are asked for: it takes a second.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), tight_layout=True)
    FigureCanvasAgg(figure)
    paint(figure.add_subplot())
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150)
    return stream.getvalue()


def _curve_image(curve, title):
    def paint(axes):
        # Each step has the precision at its right end, so that the area is the average precision.
        axes.step(curve.recall, curve.precision, where="pre", color="tab:blue")
        axes.fill_between(curve.recall, curve.precision, step="pre", alpha=0.2)
        axes.set(xlim=(0, 1.05), ylim=(0, 1.05), xlabel="Recall", ylabel="Precision")
        axes.set_title("%s (average precision %.1f)" % (title, curve.average_precision))

    return _draw(paint)


def _histogram_image(values, bounds, title):
    def paint(axes):
        axes.hist(values, bins=20, range=bounds, weights=np.full(len(values), 1 / len(values)))
        axes.set(xlabel='Probability of "no answer"', ylabel="Share of the questions", title=title)

    return _draw(paint)


def no_answer_analysis(scores, has_answer, na_probs):
    """The curves and histograms of ``--out-image-dir``.

    Returns:
        (dict ``pr_exact_ap``, ``pr_f1_ap``, ``pr_oracle_ap`` in percent, empty if no question has
        an answer; dict file name -> PNG as bytes).
    """
    averages, images = {}, {}
    if has_answer.any():
        oracle = has_answer.astype(np.float64)
        for name, values, title in (
            ("pr_exact", scores.exact, "Exact match"),
            ("pr_f1", scores.f1, "F1"),
            ("pr_oracle", oracle, "Answerable or not"),
        ):
            curve = precision_recall(values, has_answer, na_probs)
            averages[name + "_ap"] = curve.average_precision
            images[name + ".png"] = _curve_image(curve, title)
    # Probabilities fill 0 to 1; null_odds.json holds differences of logits instead.
    bounds = min(0.0, float(na_probs.min())), max(1.0, float(na_probs.max()))
    for name, chosen, title in (
        ("hasAns", has_answer, "Questions with an answer"),
        ("noAns", ~has_answer, "Questions without an answer"),
    ):
        if chosen.any():
            images["na_prob_hist_%s.png" % name] = _histogram_image(na_probs[chosen], bounds, title)
    return averages, images


# Command line -----------------------------------------------------------------------------------

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
    order = np.array([place[key] for key in sorted(by_question, key=by_question.get)])
    is_empty = np.array([not predictions[key] for key in development.question_ids])
    more, images = {}, {}
    for name, values in zip(Scores._fields, scores):
        more["best_" + name], more["best_%s_thresh" % name] = best_threshold(
            values, development.has_answer, is_empty, order, na_probs
        )
    if options.out_image_dir is not None:
        averages, images = no_answer_analysis(scores, development.has_answer, na_probs)
        more.update(averages)
    decided = apply_threshold(scores, development.has_answer, na_probs, options.na_prob_thresh)
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


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    _check(options)
    development = DevelopmentSet(options.data_file)
    predictions = read_predictions(options.prediction_file)
    scores = development.score(predictions, "prediction file: %s" % options.prediction_file)
    more, images = {}, {}
    if options.na_prob_file is not None:
        scores, more, images = _with_probabilities(development, predictions, scores, options)
    result = {**summary(scores, development.has_answer), **more}
    if options.verbose:
        _tell(development, scores, options)
    if images:
        files.make_directory(options.out_image_dir, "--out-image-dir")
    for name, image in images.items():
        files.write_bytes(files.join(options.out_image_dir, name), image, "--out-image-dir")
    if options.out_file is not None:
        files.write_json(options.out_file, result, "--out-file", indent=None)
    print(json.dumps(result))


if __name__ == "__main__":
    command_line.run(main)
