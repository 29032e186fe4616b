"""Times a sweep of run_squad.py against single runs and against the machine's matmul rate.

    python -m benchmarks.sweep --size base --data FILE --vocab VOCAB --questions 48
    python -m benchmarks.sweep --model OUTPUT_DIR --data FILE --vocab VOCAB

The first builds a random checkpoint of BERT-base's size; the second takes a checkpoint's directory
with its bert_config.json. Everything timed is a process of its own, from its start to its end, so
that loading, reading, tokenising and writing answers count too. Windows are read at their own
length (--score_padding=False). "Needed" FLOPs are those of matmuls at each window's own length
(benchmarks/flops.py): padding within a batch counts as waste.

The table has a row for one core and one for all of them. A second sweep, of one question, tells
what the start takes and what the windows take: benchmarks/peer.py is timed without its start.
"""

import pathlib
import sys

# When it is started by its path, the folder of this file is on sys.path, not the one above.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common.environment  # noqa: F401

import dataclasses
import json
import os
import subprocess
import tempfile
import time
from typing import NamedTuple

import numpy as np
import pandas as pd

import common.quiet  # noqa: F401
import tokenization
from benchmarks import flops
from common import command_line
from common.command_line import UserError
from common.progress import say
from modeling import BertConfig
from spans.windows import make_windows
from squad import examples as squad_examples
from zones.masks import PASSAGE, ZONES

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = {
    "base": {},
    "half": dict(num_hidden_layers=6),
    "small": dict(
        num_hidden_layers=4, hidden_size=512, num_attention_heads=8, intermediate_size=2048
    ),
    "tiny": dict(num_hidden_layers=4, hidden_size=32, num_attention_heads=4, intermediate_size=64),
}


def make_checkpoint(folder, size, vocab_size):
    """Writes a random checkpoint of one of SIZES and its configuration."""
    config = BertConfig(vocab_size=vocab_size, **SIZES[size])
    folder.mkdir()
    (folder / "bert_config.json").write_text(json.dumps(dataclasses.asdict(config)))
    code = (
        "from common import quiet; quiet.prepare();"
        "import sys, tensorflow.compat.v1 as tf, modeling, zones.reader;"
        "zones.reader.Reader(modeling.BertConfig.from_file(sys.argv[1] + '/bert_config.json'));"
        "tf.set_random_seed(1); session = tf.Session();"
        "session.run(tf.global_variables_initializer());"
        "tf.train.Saver().save(session, sys.argv[1] + '/model.ckpt', write_meta_graph=False)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=str(ROOT), env=quiet(), check=True
    )


def quiet():
    """The environment for a process that is timed."""
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", PYTHONPATH=str(ROOT))
    # Set where an old OpenBLAS needs them; they slow a current one down.
    environment.pop("OPENBLAS_CORETYPE", None)
    environment.pop("OPENBLAS_L2_SIZE", None)
    return environment


def first_questions(path, count, target):
    """Writes the first ``count`` questions of a data set to ``target``."""
    document = json.loads(pathlib.Path(path).read_text())
    left = count
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            paragraph["qas"] = paragraph["qas"][:left]
            left -= len(paragraph["qas"])
        article["paragraphs"] = [p for p in article["paragraphs"] if p["qas"]]
    document["data"] = [article for article in document["data"] if article["paragraphs"]]
    target.write_text(json.dumps(document))


class Run(NamedTuple):
    """What a process took: wall and CPU seconds, peak memory in GiB; and what it printed."""

    wall: float
    cpu: float
    memory: float
    printed: str


def timed(command, cores):
    """Runs a command on these cores; returns a Run."""
    started = time.perf_counter()
    cores = ",".join(str(core) for core in sorted(cores))
    process = subprocess.Popen(
        ["taskset", "--cpu-list", cores] + command,
        cwd=str(ROOT),
        env=quiet(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
    )
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise UserError("this failed with status %d: %s" % (status, " ".join(command)))
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2.0**20, printed)


def matmul_rate(cores):
    """The rate of benchmarks/matmul_rate.py on these cores, in GFLOP/s: (TensorFlow's, numpy's)."""
    printed = timed([sys.executable, "-m", "benchmarks.matmul_rate"], cores).printed
    return [float(rate) for rate in printed.split()]


def peer_row(python, way, cores, lengths, config):
    """What benchmarks/peer.py prints for windows of these lengths, a dict."""
    command = [python, str(ROOT / "benchmarks" / "peer.py"), "--way", way]
    command += ["--lengths", ",".join(str(length) for length in lengths)]
    for option, value in (
        ("--layers", config.num_hidden_layers),
        ("--hidden", config.hidden_size),
        ("--heads", config.num_attention_heads),
        ("--intermediate", config.intermediate_size),
        ("--threads", len(cores)),
    ):
        command += [option, str(value)]
    return json.loads(timed(command, cores).printed)


def needed_flops(config, arguments, data):
    """FLOPs of (a sweep, one run), over all windows; and the windows' lengths."""
    vocabulary = tokenization.load_vocabulary(arguments.vocab, "--vocab")
    features = make_windows(
        squad_examples.read_examples(str(data), False, False, what="--data"),
        tokenization.Tokenizer(vocabulary, False),
        arguments.max_seq_length,
        128,
        64,
        is_training=False,
    )
    lengths = np.array([len(feature.input_ids) for feature in features])
    context = [len(feature.input_ids) - feature.token_roles.count(PASSAGE) for feature in features]
    sweep = sum(
        flops.sweep(config, length, arguments.max_seq_length, rows)
        for length, rows in zip(lengths, context)
    )
    return sweep, sum(flops.single_run(config, length) for length in lengths), lengths


def seconds_of_single_run(run, data, count, config):
    """The mean over some cells of the middle layer; ``run`` is that of runner."""
    layer, seconds = config.num_hidden_layers // 2, 0.0
    for number in range(count):
        zone = ZONES[number % len(ZONES)]
        mask = ["--mask_zone=%s" % zone, "--mask_layer=%d" % layer]
        seconds += run("single-%s" % zone, data, "--do_predict=True", *mask).wall
    return seconds / count


def runner(arguments, folder, model, cores):
    """A function that times run_squad.py on a data set: (name, data, flags...) -> Run."""

    def run(name, data, *more):
        """Times it on the data set; returns a Run."""
        return timed(
            [
                sys.executable,
                str(ROOT / "run_squad.py"),
                "--vocab_file=%s" % arguments.vocab,
                "--bert_config_file=%s" % (model / "bert_config.json"),
                "--output_dir=%s" % model,
                "--prediction_dir=%s" % (folder / ("%s-%d" % (name, len(cores)))),
                "--predict_file=%s" % data,
                "--do_lower_case=False",
                "--max_seq_length=%d" % arguments.max_seq_length,
                "--predict_batch_size=%d" % arguments.batch,
                "--score_padding=False",
            ]
            + list(more),
            cores,
        )

    return run


def measure(arguments, folder, model, data, cores, config):
    """One row of the table, as a dict."""
    run = runner(arguments, folder, model, cores)
    num_cells = config.num_hidden_layers * len(ZONES) + 1
    sweep_flops, single_flops, lengths = needed_flops(config, arguments, data)
    rates_before = matmul_rate(cores)
    ways = arguments.peer_ways.split(",") if arguments.peer else []
    peers = {way: peer_row(arguments.peer, way, cores, lengths, config) for way in ways}
    whole = run("sweep", data, "--do_sweep=True")
    rates = [(before + after) / 2 for before, after in zip(rates_before, matmul_rate(cores))]
    best = max([rates[1]] + [peer["matmul"] for peer in peers.values()])
    # Two sweeps tell the start from the windows: CPU seconds = start + seconds per FLOP * FLOPs.
    first_questions(data, 1, folder / "one.json")
    one = run("one", folder / "one.json", "--do_sweep=True")
    one_flops, _, _ = needed_flops(config, arguments, folder / "one.json")
    per_flop = (whole.cpu - one.cpu) / (sweep_flops - one_flops)
    row = {
        "cores": len(cores),
        "windows": len(lengths),
        "mean tokens": lengths.mean(),
        "sweep s": whole.wall,
        "CPU s": whole.cpu,
        "TFLOP": sweep_flops / 1e12,
        "GFLOP/s of wall": sweep_flops / whole.wall / 1e9,
        "TensorFlow's matmul": rates[0],
        "numpy's matmul": rates[1],
        "best of numpy's, PyTorch's": best,
        "start-up CPU s": one.cpu - per_flop * one_flops,
        "windows: CPU s/window": per_flop * sweep_flops / len(lengths),
        "windows: GFLOP/s of CPU": 1e-9 / per_flop,
        "of the best, per core": 1e-9 / per_flop * len(cores) / best,
        "GiB": whole.memory,
    }
    for way, peer in peers.items():
        row["PyTorch, %s: CPU s/window" % way] = peer["cpu_seconds"] / len(lengths)
        row["PyTorch, %s: s/window" % way] = peer["wall_seconds"] / len(lengths)
    if arguments.mixed_precision:
        mixed = run("mixed", data, "--do_sweep=True", "--mixed_precision=True").wall
        row["mixed precision s"] = mixed
        row["mixed: times faster"] = whole.wall / mixed
    if arguments.single_runs:
        row["single runs s"] = num_cells * seconds_of_single_run(
            run, data, arguments.single_runs, config
        )
        row["times faster"] = row["single runs s"] / whole.wall
        row["single TFLOP"] = single_flops * num_cells / 1e12
    return row


def main(argv=None):
    """Prints the table; see the top of this file."""
    parser = command_line.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), help="build a random model of this size")
    parser.add_argument("--model", help="or take the checkpoint and bert_config.json in here")
    parser.add_argument("--data", required=True, help="a file in SQuAD's format")
    parser.add_argument("--vocab", required=True, help="a cased vocabulary")
    parser.add_argument("--questions", type=int, help="use this many of its questions")
    parser.add_argument("--max_seq_length", type=int, default=512)
    parser.add_argument("--batch", type=int, default=8, help="--predict_batch_size")
    parser.add_argument("--single_runs", type=int, default=2, help="how many to time; 0 for none")
    parser.add_argument("--mixed_precision", action="store_true", help="time a sweep with it, too")
    parser.add_argument("--peer", help="a Python with PyTorch: time benchmarks/peer.py in it, too")
    parser.add_argument("--peer_ways", default="careful", help="careful, naive or both")
    parser.add_argument("--cores", default="1,all", help="which rows: 1, all or both")
    arguments = parser.parse_args(argv)
    if bool(arguments.size) == bool(arguments.model):
        raise UserError("give either --size or --model")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        model = pathlib.Path(arguments.model) if arguments.model else folder / "model"
        if arguments.size:
            vocabulary = tokenization.load_vocabulary(arguments.vocab, "--vocab")
            make_checkpoint(model, arguments.size, max(vocabulary.values()) + 1)
        config = BertConfig.from_file(str(model / "bert_config.json"), "--model")
        data = pathlib.Path(arguments.data)
        if arguments.questions:
            data = folder / "data.json"
            first_questions(arguments.data, arguments.questions, data)
        everywhere = sorted(os.sched_getaffinity(0))
        rows = []
        for chosen in arguments.cores.split(","):
            cores = {everywhere[-1]} if chosen == "1" else set(everywhere)
            rows.append(measure(arguments, folder, model, data, cores, config))
            say(json.dumps(rows[-1]))
    pd.set_option("display.width", 200)
    print(pd.DataFrame(rows).set_index("cores").T.to_string(float_format="%.3f"))
    return 0


if __name__ == "__main__":
    command_line.run(main)
