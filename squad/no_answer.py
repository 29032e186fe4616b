"""SQuAD 2.0's "no answer": its threshold, and the curves that show how well it is told.

A reader gives each question a probability (or another score) of having no answer. What exceeds a
threshold counts as "no answer".
"""

import io
from typing import NamedTuple

import numpy as np

from squad.metric import Scores


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
        """Draws it into the axes."""
        # Drawn as steps: the area under them is the average precision.
        axes.step(curve.recall, curve.precision, where="pre", color="tab:blue")
        axes.fill_between(curve.recall, curve.precision, step="pre", alpha=0.2)
        axes.set(xlim=(0, 1.05), ylim=(0, 1.05), xlabel="Recall", ylabel="Precision")
        axes.set_title("%s (average precision %.1f)" % (title, curve.average_precision))

    return _draw(paint)


def _histogram_image(values, bounds, title):
    def paint(axes):
        """Draws it into the axes."""
        axes.hist(values, bins=20, range=bounds, weights=np.full(len(values), 1 / len(values)))
        axes.set(xlabel='Probability of "no answer"', ylabel="Share of the questions", title=title)

    return _draw(paint)


def analysis(scores, has_answer, na_probs):
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
