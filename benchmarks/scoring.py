"""Times get_results.py on sixty prediction files of the size of SQuAD's development set.

    python -m benchmarks.scoring

The data set and the answers are made up: 10,570 questions with three gold answers each; of the
predicted answers, 70 % are gold, the rest parts of the passage.
"""

import pathlib
import sys

# When it is started by its path, the folder of this file is on sys.path, not the one above.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common.environment  # noqa: F401

import json
import random
import tempfile
import time

import get_results
from common import command_line
from zones.cells import BASELINE, PREDICTIONS, cells_of, file_name

QUESTIONS, LAYERS = 10570, 12
QUESTIONS_OF_A_PASSAGE = 5


def make_files(folder):
    """Writes dev.json and the sixty prediction files."""
    rng = random.Random(0)
    words = ["".join(rng.choice("aeioulmnrst") for _ in range(6)) for _ in range(5000)]
    paragraphs, golds, passages = [], {}, {}
    for first in range(0, QUESTIONS, QUESTIONS_OF_A_PASSAGE):
        passage = [rng.choice(words) for _ in range(120)]
        qas = []
        for number in range(first, min(first + QUESTIONS_OF_A_PASSAGE, QUESTIONS)):
            start = rng.randrange(110)
            texts = [" ".join(passage[start : start + size]) for size in (2, 3, 2)]
            answers = [{"text": text, "answer_start": 0} for text in texts]
            qas.append({"id": str(number), "question": "what ?", "answers": answers})
            golds[str(number)], passages[str(number)] = texts, passage
        paragraphs.append({"context": " ".join(passage), "qas": qas})
    document = {"version": "1.1", "data": [{"title": "x", "paragraphs": paragraphs}]}
    (folder / "dev.json").write_text(json.dumps(document))
    for cell in [BASELINE] + cells_of(LAYERS):
        predictions = {}
        for key, texts in golds.items():
            start = rng.randrange(110)
            wrong = " ".join(passages[key][start : start + rng.randint(1, 6)])
            predictions[key] = rng.choice(texts) if rng.random() < 0.7 else wrong
        (folder / file_name(PREDICTIONS, cell)).write_text(json.dumps(predictions, indent=4))


def main(argv=None):
    """Prints the seconds that get_results.py takes."""
    command_line.ArgumentParser(description=__doc__).parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        make_files(folder)
        argv = [str(folder), str(folder / "results.csv"), "--data-file", str(folder / "dev.json")]
        baseline = ["--baseline", str(folder / file_name(PREDICTIONS, BASELINE))]
        for more, label in ((baseline, "with"), ([], "without")):
            started = time.perf_counter()
            get_results.main(argv + more)
            seconds = time.perf_counter() - started
            print(
                "%d files of %d answers, %s significance: %.1f s"
                % (5 * LAYERS, QUESTIONS, label, seconds)
            )
    return 0


if __name__ == "__main__":
    command_line.run(main)
