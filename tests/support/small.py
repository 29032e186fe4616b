"""A data set, a vocabulary and a model so small that a run of run_squad.py takes seconds."""

import json
import random
import shutil
import subprocess
import sys
import types

import run_squad
from common import command_line
from running import loop

# Tests train and decode in one process, so that its pools are those of decoding.
loop.make_pools_for_decoding()

WORDS = (
    "the a of in was is and Anna Bruno Clara Dario Paris Rome Oslo Lima red green blue old new "
    "house tower bridge garden built sold painted found who what where when did year 1901 1945 "
    "1999 . , ?"
).split()
CONFIG = {
    "vocab_size": len(WORDS) + 4,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.2,
}
NUM_QUESTIONS = 24


def data_set(seed=0, version_2=False):
    """A SQuAD-format data set: 12 passages of 8 to 60 words, two questions each."""
    rng = random.Random(seed)
    paragraphs = []
    for number in range(NUM_QUESTIONS // 2):
        words = [rng.choice(WORDS) for _ in range(rng.randint(8, 60))]
        passage = " ".join(words)
        qas = []
        for side in range(2):
            first = rng.randrange(len(words) - 2)
            start = len(" ".join(words[:first])) + (1 if first else 0)
            text = " ".join(words[first : first + 2])
            qa = {
                "id": "q%d-%d" % (number, side),
                "question": " ".join(rng.choice(WORDS) for _ in range(rng.randint(2, 7))),
                "answers": [{"text": text, "answer_start": start}],
            }
            if version_2:
                qa["is_impossible"] = side == 1
                qa["answers"] = [] if side == 1 else qa["answers"]
            qas.append(qa)
        paragraphs.append({"context": passage, "qas": qas})
    return {"version": "1.1", "data": [{"title": "Small", "paragraphs": paragraphs}]}


def write_files(folder):
    """Writes data, vocabulary and configuration; returns their paths by flag-like names."""
    paths = types.SimpleNamespace(
        data=folder / "data.json",
        data_2=folder / "data_2.json",
        vocab=folder / "vocab.txt",
        config=folder / "bert_config.json",
    )
    paths.data.write_text(json.dumps(data_set()))
    paths.data_2.write_text(json.dumps(data_set(version_2=True)))
    paths.vocab.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + WORDS) + "\n")
    paths.config.write_text(json.dumps(CONFIG))
    return paths


def flags(paths, output_dir, **more):
    """The command line of run_squad.py for the small files; ``more`` adds or replaces flags."""
    chosen = {
        "vocab_file": paths.vocab,
        "bert_config_file": paths.config,
        "output_dir": output_dir,
        "train_file": paths.data,
        "predict_file": paths.data,
        "do_lower_case": False,
        "max_seq_length": 32,
        "doc_stride": 12,
        "max_query_length": 8,
        "train_batch_size": 4,
        "num_train_epochs": 2,
        "predict_batch_size": 10,
    }
    chosen.update(more)
    return ["--%s=%s" % item for item in chosen.items() if item[1] is not None]


def bare(model, folder):
    """Copies the checkpoints of a model alone, as the published code leaves them."""
    folder.mkdir()
    for path in model.iterdir():
        if path.name == "checkpoint" or path.name.startswith("model.ckpt"):
            shutil.copy(str(path), str(folder))
    return folder


def status_of(main, argv):
    """The exit status of a script's main, run as command_line.run runs it."""
    try:
        command_line.run(main, argv)
    except SystemExit as stop:
        return stop.code


def run(paths, output_dir, **more):
    """Runs run_squad.py in this process; returns its exit status."""
    return status_of(run_squad.main, flags(paths, output_dir, **more))


def start_sweep(files, model, folder, **more):
    """Starts a sweep, a process of its own, that takes and saves one window at a time."""
    more = dict(predict_batch_size=1, sweep_save_secs=0, **more)
    command = [sys.executable, run_squad.__file__]
    command += flags(files, model, do_sweep=True, prediction_dir=folder, **more)
    return subprocess.Popen(command, stderr=subprocess.PIPE, universal_newlines=True)
