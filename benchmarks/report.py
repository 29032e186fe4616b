"""How large a report is, and how soon a browser shows it: python -m benchmarks.report.

The data set is made up with the sizes of dev-v1.1.json: 2,067 passages of 120 words, 10,570
questions, three gold answers each. A masked reader's answer is one of eight spans of the passage.
"""

import pathlib
import sys

# When it is started by its path, the folder of this file is on sys.path, not the one above.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common.environment  # noqa: F401

import argparse
import json
import os
import random
import tempfile
import time

import report
from tests.support import browser
from zones.cells import BASELINE, NBEST, PREDICTIONS, cells_of, file_name

_PASSAGES, _QUESTIONS, _WORDS_OF_PASSAGE = 2067, 10570, 120
_CANDIDATES = 8
_QUESTION_STARTS = "What is|Who was|When did|Where is|How many|Which of|Why did|How does".split("|")


def make_files(folder, changed, with_nbest, num_layers=12, seed=0):
    """Writes the data set, the baseline and the cells.

    Args:
        folder: where to.
        changed: the share of answers that a mask changes, on average over the cells.
        with_nbest: whether to write the baseline's n-best lists.
    """
    rng = random.Random(seed)
    letters = "etaoinshrdlcumwfgypbvk"
    words = [
        "".join(rng.choices(letters, k=rng.choice((2, 3, 4, 5, 6, 8, 10)))) for _ in range(9000)
    ]
    paragraphs, candidates = [], {}
    for number in range(_PASSAGES):
        passage = rng.choices(words, k=rng.randint(60, 2 * _WORDS_OF_PASSAGE - 60))
        context = " ".join(passage) + "."
        qas = []
        for _ in range(number, _QUESTIONS, _PASSAGES):
            spans = [_span(rng, passage) for _ in range(_CANDIDATES)]
            key = "%024x" % rng.getrandbits(96)
            answers = [{"text": t, "answer_start": context.index(t)} for t in spans[:3]]
            asked = rng.choice(_QUESTION_STARTS) + " " + " ".join(rng.choices(words, k=8)) + "?"
            qas.append({"id": key, "question": asked, "answers": answers})
            candidates[key] = spans
        paragraphs.append({"context": context, "qas": qas})
    _write(folder, "dev.json", {"data": [{"title": "-", "paragraphs": paragraphs}]})
    baseline = {key: spans[0] for key, spans in candidates.items()}
    _write(folder, file_name(PREDICTIONS, BASELINE), baseline)
    if with_nbest:
        lists = {
            key: [{"text": text, "probability": 0.5 ** (1 + n)} for n, text in enumerate(spans)]
            for key, spans in candidates.items()
        }
        _write(folder, file_name(NBEST, BASELINE), lists)
    for cell in cells_of(num_layers):
        share = min(1.0, changed * rng.uniform(0.2, 1.8)) if changed < 1 else 1.0
        texts = {
            key: rng.choice(candidates[key][1:]) if rng.random() < share else text
            for key, text in baseline.items()
        }
        _write(folder, file_name(PREDICTIONS, cell), texts)


def _span(rng, passage):
    start = rng.randrange(len(passage))
    return " ".join(passage[start : start + rng.randint(1, 6)])


def _write(folder, name, value):
    with open(os.path.join(folder, name), "w") as stream:
        json.dump(value, stream)


def load_times(path):
    """Milliseconds in a browser: (until the page was drawn, from a click to the new list)."""
    with browser.chromium() as session:
        browser.resize(session, 1280, 900)
        session.get("file://" + os.path.abspath(path))
        shown = session.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => setTimeout(() => "
            "done(performance.getEntriesByType('navigation')[0].loadEventEnd), 0));"
        )
        clicked = session.execute_script(
            "const squares = document.querySelectorAll('.square'), before = performance.now();"
            "squares[0].click(); document.body.offsetHeight; return performance.now() - before;"
        )
        filtered = session.execute_script(
            "const before = performance.now(); document.getElementById('word3').click();"
            "document.body.offsetHeight; return performance.now() - before;"
        )
    return shown, clicked, filtered


def main():
    """Prints a line for each share of changed answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changed", type=float, nargs="+", default=[0.15, 0.4, 1.0])
    options = parser.parse_args()
    print("share changed   MB   s to write   ms to show   ms for a click   ms for a filter")
    for changed in options.changed:
        with tempfile.TemporaryDirectory() as folder:
            make_files(folder, changed, with_nbest=True)
            path = os.path.join(folder, "report.html")
            began = time.perf_counter()
            stdout, sys.stdout = sys.stdout, sys.stderr
            report.main([folder, os.path.join(folder, "dev.json"), path])
            sys.stdout = stdout
            seconds = time.perf_counter() - began
            size = os.path.getsize(path) / 1e6
            row = (changed, size, seconds, *load_times(path))
            print("%13.2f %4.1f %12.1f %12.0f %16.0f %17.0f" % row)


if __name__ == "__main__":
    main()
