"""A folder of predictions for the tests of the report, of which every number is easily counted."""

import json
import random

import numpy as np

from maps.clustered import Clusters, change
from zones.cells import BASELINE, NBEST, PREDICTIONS, cells_of, file_name

NUM_LAYERS = 3
CELLS = cells_of(NUM_LAYERS)

# Question -> its question word.
ASKED = {
    "Who built the tower of %s?": "who",
    "To whom was %s sold?": "who",
    "When was %s found?": "when",
    "Where is %s?": "where",
    "How many towers has %s?": "how many",
    "In what year, and why, was %s built?": "what",
    "Name the owner of %s.": "other",
}
_WORDS = "amber basalt copper dolomite emerald feldspar garnet hematite iolite jasper".split()


class Folder:
    """Data file, predictions and what was put into them.

    Attributes:
        root, predictions, data_file: paths.
        ids: question ids in the data's order.
        words: question id -> question word.
        gold: question id -> gold answer, "" if there is none.
        texts: Cell (BASELINE, too) -> question id -> answer.
    """

    def __init__(self, root, seed=0, num_questions=70, version_2=False):
        self.root, self.predictions = root, root / "prediction"
        self.data_file = root / "dev.json"
        self.predictions.mkdir()
        rng = random.Random(seed)
        self.words, self.gold, self.texts = {}, {}, {cell: {} for cell in [BASELINE, *CELLS]}
        paragraphs = []
        for number in range(num_questions // 2):
            words = rng.sample(_WORDS, len(_WORDS))
            qas = [self._question(rng, "%d-%d" % (number, side), words) for side in range(2)]
            if version_2 and number % 3 == 0:
                qas[1].update(answers=[], is_impossible=True)
                self.gold[qas[1]["id"]] = ""
            paragraphs.append({"context": "Of %s, %s." % (words[0], " ".join(words)), "qas": qas})
        self.ids = list(self.gold)
        self.data = {"data": [{"title": "Stones", "paragraphs": paragraphs}]}
        self._predict(rng)
        self.write()

    def _question(self, rng, question_id, words):
        asked = rng.choice(list(ASKED))
        self.words[question_id] = ASKED[asked]
        self.gold[question_id] = words[3]
        start = len("Of %s, " % words[0]) + len(" ".join(words[:3])) + 1
        return {
            "id": question_id,
            "question": asked % words[0],
            "answers": [{"text": words[3], "answer_start": start}],
        }

    def _predict(self, rng):
        for key, gold in self.gold.items():
            self.texts[BASELINE][key] = gold if rng.random() < 0.7 else rng.choice(_WORDS)
            for number, cell in enumerate(CELLS):
                text = self.texts[BASELINE][key]
                if rng.random() < number / 20:
                    text = rng.choice([gold, rng.choice(_WORDS)])
                self.texts[cell][key] = text

    def write(self):
        """Writes the files again."""
        self.data_file.write_text(json.dumps(self.data))
        for cell, texts in self.texts.items():
            (self.predictions / file_name(PREDICTIONS, cell)).write_text(json.dumps(texts))

    def write_nbest(self, cell, seed=0):
        """Writes n-best lists of three texts; returns question id -> text -> probability."""
        rng = random.Random("%d %s" % (seed, cell))
        lists = {}
        for key in self.ids:
            texts = list(dict.fromkeys([self.texts[cell][key], *rng.sample(_WORDS, 2)]))
            shares = sorted((rng.random() + 0.01 for _ in texts), reverse=True)
            entries = zip(texts, (share / sum(shares) for share in shares))
            lists[key] = [{"text": text, "probability": value} for text, value in entries]
        (self.predictions / file_name(NBEST, cell)).write_text(json.dumps(lists))
        return {
            key: {entry["text"]: entry["probability"] for entry in entries}
            for key, entries in lists.items()
        }

    def beside(self, name, seed):
        """Another reader's folder for the same questions, with answers of its own."""
        parent = self.root / name
        parent.mkdir()
        other = Folder(parent, seed=seed)
        other.gold, other.ids, other.words = self.gold, self.ids, self.words
        for cell, texts in other.texts.items():
            other.texts[cell] = {key: texts[key] for key in self.ids}
        other.write()
        return other

    def argv(self, *more):
        """The command line of report.py."""
        paths = (self.predictions, self.data_file, self.root / "report.html")
        return [*map(str, paths), *more]

    # Counted in the plainest way, to compare the page with ----------------------------------

    def is_right(self, cell, key):
        return self.texts[cell][key] == self.gold[key]

    def broken(self, cell, keys):
        return [k for k in keys if self.is_right(BASELINE, k) and not self.is_right(cell, k)]

    def mended(self, cell, keys):
        return [k for k in keys if self.is_right(cell, k) and not self.is_right(BASELINE, k)]

    def p_values(self, keys):
        """Cell -> (p, clustered by passage; the same corrected by Holm), over these questions."""
        clusters = Clusters([key.split("-")[0] for key in keys])
        plain = {}
        for cell in CELLS:
            after = np.array([self.is_right(cell, key) for key in keys], float)
            before = np.array([self.is_right(BASELINE, key) for key in keys], float)
            plain[cell] = change((after - before)[np.newaxis], clusters).p_value
        corrected, least = {}, 0.0
        for rank, cell in enumerate(sorted(CELLS, key=plain.get)):
            least = max(least, min(1.0, (len(CELLS) - rank) * plain[cell]))
            corrected[cell] = least
        return {cell: (plain[cell], corrected[cell]) for cell in CELLS}

    def change(self, cell, keys):
        """Points of exact match that masking the cell brings, over these questions."""
        after = sum(self.is_right(cell, key) for key in keys)
        before = sum(self.is_right(BASELINE, key) for key in keys)
        return 100 * (after - before) / len(keys)

    def f1(self, cell, key):
        """The F1 of an answer, of which the gold one is a single word."""
        words, gold = self.texts[cell][key].split(), self.gold[key]
        if not words or not gold:
            return float(words == gold.split())
        return 2 / (len(words) + 1) if gold in words else 0.0
