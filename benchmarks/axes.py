"""What each axis of a sweep costs: evaluations of a layer, seconds per window, memory.

    python -m benchmarks.axes --size base --data FILE --vocab VOCAB --questions 3

Builds a random checkpoint of that size and decodes the questions with each axis, and the first of
them alone: the difference tells what a window costs without the start. Everything timed is a
process of its own on one core. Evaluations are counted for each window: a cell that begins in layer
k of L takes L - k layers from there, one that is masked in every layer all L, and the baseline L.
"""

import pathlib
import sys

# When it is started by its path, the folder of this file is on sys.path, not the one above.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common.environment  # noqa: F401

import json
import os
import tempfile

import pandas as pd

import tokenization
from benchmarks import sweep
from common import command_line
from common.progress import say
from modeling import BertConfig
from zones.cells import BASELINE, Cell, cells_of, cells_of_heads, cells_of_runs

OWN_ZONES = {"sep": [["any", ["sep", "end"]]]}


def axes(config, zones_file):
    """Name -> (flags of run_squad.py, the cells that they ask for)."""
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    whole = "--do_sweep=True"
    sixty = cells_of(layers)
    return {
        "nothing masked": (["--do_predict=True"], []),
        "the map's cells": ([whole], sixty),
        "the same, --write_attention": ([whole, "--write_attention=True"], sixty),
        "union": ([whole, "--mask_zone=union"], cells_of(layers, ["union"])),
        "a zone of your own": (
            [whole, "--mask_zone=sep", "--zones_file=%s" % zones_file],
            cells_of(layers, ["sep"]),
        ),
        "--sweep_heads, p2q": (
            [whole, "--mask_zone=p2q", "--sweep_heads=True"],
            cells_of_heads(layers, heads, ["p2q"]),
        ),
        "--sweep_span=3, p2q": (
            [whole, "--mask_zone=p2q", "--sweep_span=3"],
            cells_of_runs(layers, min(3, layers), ["p2q"]),
        ),
        "--sweep_every, p2q": (
            [whole, "--mask_zone=p2q", "--sweep_every=True"],
            [Cell(None, "p2q")],
        ),
    }


def evaluations(config, cells):
    """Of a layer, for each window."""
    layers = config.num_hidden_layers
    return layers + sum(layers - (cell.layer or 0) for cell in cells if cell != BASELINE)


def question_of(data):
    """(passage, question) of the first one of a data set."""
    paragraph = json.loads(data.read_text())["data"][0]["paragraphs"][0]
    return paragraph["context"], paragraph["qas"][0]["question"]


def ask_rows(model, one, folder, core):
    """What one question costs to ask, from the start of ask.py to its end."""
    passage, question = question_of(one)
    (folder / "passage.txt").write_text(passage)
    command = [sys.executable, str(sweep.ROOT / "ask.py"), str(model)]
    command += ["--passage", str(folder / "passage.txt"), "--question", question]
    command += ["--do_lower_case=False"]
    rows = []
    for name, more in (
        ("ask.py", []),
        ("ask.py --mask_zone=p2q --mask_layer=3", ["--mask_zone=p2q", "--mask_layer=3"]),
        ("ask.py --map", ["--map"]),
    ):
        run = sweep.timed(command + more, core)
        rows.append({"axis": name, "whole run, s": run.wall, "GiB": run.memory})
    return rows


def main(argv=None):
    """Prints the table; see the top of this file."""
    parser = command_line.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(sweep.SIZES), default="base")
    parser.add_argument("--data", required=True, help="a file in SQuAD's format")
    parser.add_argument("--vocab", required=True, help="a cased vocabulary")
    parser.add_argument("--questions", type=int, default=3, help="use this many of its questions")
    parser.add_argument("--max_seq_length", type=int, default=512)
    parser.add_argument("--batch", type=int, default=8, help="--predict_batch_size")
    parser.add_argument("--only", help="names of axes, with commas between them")
    arguments = parser.parse_args(argv)
    core = {max(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        vocabulary = tokenization.load_vocabulary(arguments.vocab, "--vocab")
        model = folder / "model"
        sweep.make_checkpoint(model, arguments.size, max(vocabulary.values()) + 1)
        (model / "vocab.txt").write_bytes(pathlib.Path(arguments.vocab).read_bytes())
        config = BertConfig.from_file(str(model / "bert_config.json"))
        one, several = folder / "one.json", folder / "several.json"
        sweep.first_questions(arguments.data, 1, one)
        sweep.first_questions(arguments.data, arguments.questions, several)
        lengths = [sweep.needed_flops(config, arguments, data)[2] for data in (one, several)]
        (folder / "zones.json").write_text(json.dumps(OWN_ZONES))
        run, rows = sweep.runner(arguments, folder, model, core), []
        for number, (name, (flags, cells)) in enumerate(
            axes(config, folder / "zones.json").items()
        ):
            if arguments.only and name not in arguments.only.split(","):
                continue
            first = run("one-%d" % number, one, *flags)
            more = run("more-%d" % number, several, *flags)
            windows = len(lengths[1]) - len(lengths[0])
            rows.append(
                {
                    "axis": name,
                    "cells": len(cells),
                    "layer evaluations": evaluations(config, cells),
                    "CPU s per window": (more.cpu - first.cpu) / windows,
                    "whole run, s": more.wall,
                    "GiB": more.memory,
                }
            )
            say(json.dumps(rows[-1]))
        rows += ask_rows(model, one, folder, core)
    say("windows: %s of %s tokens" % (len(lengths[1]), ", ".join(map(str, lengths[1]))))
    pd.set_option("display.width", 200)
    print(pd.DataFrame(rows).set_index("axis").to_string(float_format="%.2f"))
    return 0


if __name__ == "__main__":
    command_line.run(main)
