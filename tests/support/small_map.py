"""Prediction files of a small map, made so that every score in it can be told by heart."""

import hashlib
import json

from common.finished import FinishedFiles, describe
from zones.cells import BASELINE, PREDICTIONS, Cell, cells_of, file_name
from zones.masks import ZONES

IDS = ["q%d" % number for number in range(40)]
LAYERS = 2
# Masking these can change no answer.
HARMLESS = [Cell(1, "q2"), Cell(1, "q2p")]


def answers(right, mark="", nearly=0):
    """Predictions: the first are right, the next share one word of two with the gold answer."""
    texts = ["gold"] * right + ["gold tooth"] * nearly
    return dict(zip(IDS, texts + ["wrong" + mark] * (len(IDS) - len(texts))))


def write_run(folder, shift=0, right=30, nearly=0):
    """Baseline 30 of 40 right; layer ``k`` and zone number ``z`` break ``1 + k + 5 z + shift``."""
    folder.mkdir()
    for cell in [BASELINE] + cells_of(LAYERS):
        left = right
        if cell != BASELINE and cell not in HARMLESS:
            left -= 1 + cell.layer + 5 * ZONES.index(cell.zone) + shift
        (folder / file_name(PREDICTIONS, cell)).write_text(json.dumps(answers(left, nearly=nearly)))
    return folder


def write_questions(path, mark=""):
    """The questions in SQuAD's form: two of each passage, ten of each article."""
    gold = [{"text": "gold", "answer_start": 0}]
    questions = [{"id": key, "question": "?" + mark, "answers": gold} for key in IDS]
    paragraphs = [
        {"context": "gold %d" % first, "qas": questions[first : first + 2]}
        for first in range(0, len(IDS), 2)
    ]
    data = {"data": [{"paragraphs": paragraphs[first : first + 5]} for first in (0, 5, 10, 15)]}
    path.write_text(json.dumps(data))


def note_decoding(folder, data_file, run, **flags):
    """Notes in a folder that run_squad.py wrote it, from that data file and with those flags."""
    finished = FinishedFiles(str(folder), run)
    for cell in [BASELINE] + cells_of(LAYERS):
        finished.add(file_name(PREDICTIONS, cell))
    digest = hashlib.sha256(data_file.read_bytes()).hexdigest()
    flags["predict_file"] = {"file": data_file.name, "sha256": digest}
    facts = {"checkpoint": {"file": "model.ckpt-7", "sha256": run * 8}, "flags": flags}
    describe(str(folder), run, facts, ["run_squad.py", "--do_sweep=True"])
