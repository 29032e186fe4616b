"""Runs the whole protocol on a small data set: `make demo`, or `python -m demo.run`.

It generates short biographies with questions and then types the commands of the README: train a
tiny BERT from scratch, evaluate it, decode it with each zone masked in each layer, collect the
scores, draw the map, and write a report in which to look behind it. On two cores this takes some
three minutes. Stop it whenever you like: the same command goes on where it was.
"""

import pathlib
import sys

# When it is started by its path, the folder of this file is on sys.path, not the one above.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common.environment  # noqa: F401

import contextlib
import dataclasses
import fcntl
import os
import shlex
import signal
import subprocess
import textwrap
import time

import tqdm

from common import command_line, files
from common.command_line import UserError
from demo import biographies
from demo.settings import QUICK, DemoSettings
from running.saved import CODE_OF_TRAINING, code_of_answers, fingerprint

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Says whose work the directory holds.
_NOTE = "demo.json"
_LOCK = ".lock"

_MADE = (
    ("heatmap.pdf", "the map"),
    ("heatmap.png", "the same as an image"),
    ("report.html", "the report: open it in a browser and click the squares"),
    ("results.csv", "exact match of every cell"),
    ("results_significance.csv", "its change: interval, broken and mended questions, p"),
    ("metrics.json", "exact match and F1 with nothing masked"),
    ("prediction", "the answers, one file for each cell"),
    ("model", "the trained reader"),
    ("train.json", "the questions that it learnt from"),
    ("dev.json", "the questions that it was measured on"),
)


def main(argv=None):
    """Runs the demo; see ``--help``.

    Raises:
        UserError: a mistake in the options, or a command that failed.
    """
    options = _parse(argv)
    settings = DemoSettings(seed=options.seed, **(QUICK if options.quick else {}))
    started = time.time()
    with _only_demo_at_work(options.output_dir) as lock:
        _remove_work_of_others(settings, options.output_dir)
        steps = protocol(settings, options.output_dir)
        for number, (headline, commands) in enumerate(steps, 1):
            _say("\n[%d/%d] %s" % (number, len(steps), headline))
            for command in commands:
                _run(command, lock)
    _say("\nAll of it took %s. It is in %s:" % (_since(started), options.output_dir))
    for name, what in _MADE:
        _say("  %-25s %s" % (name, what))


def _parse(argv):
    parser = command_line.ArgumentParser(prog="python -m demo.run", description=__doc__)
    parser.add_argument(
        "--seed",
        type=int,
        default=DemoSettings.seed,
        metavar="N",
        help="decides the data set and the training (default: %(default)s)",
    )
    parser.add_argument(
        "--output-dir",
        default=os.path.relpath(os.path.join(_ROOT, "demo", "output")),
        metavar="DIRECTORY",
        help="where everything is written (default: %(default)s)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only see that every step works, in half a minute; the reader learns nothing",
    )
    options = parser.parse_args(argv)
    if not 0 <= options.seed < 2**31:
        raise UserError("--seed: %d is not from 0 to 2147483647" % options.seed)
    if "://" in options.output_dir:
        raise UserError(
            "--output-dir: the demo works on this machine; %s is not a local directory"
            % options.output_dir
        )
    return options


def protocol(settings, directory):
    """The protocol's steps on one directory, as pairs of a headline and a list of commands.

    A command is a list of words, the first of them a script of the repository; or a function to
    be called, for what no script does.
    """

    def path(name):
        """A file of the demo's folder."""
        return files.join(directory, name)

    reader = [
        "--vocab_file=" + path("vocab.txt"),
        "--bert_config_file=" + path("bert_config.json"),
        "--output_dir=" + path("model"),
        "--predict_file=" + path("dev.json"),
        "--prediction_dir=" + path("prediction"),
    ]
    flags = settings.reading_flags()
    train = ["--do_train=True", "--do_predict=True", "--train_file=" + path("train.json")]
    baseline = files.join(path("prediction"), "predictions.json")
    results, significance = path("results.csv"), path("results_significance.csv")
    draw = ["visualize_att_zone.py", results, significance]
    collect = ["get_results.py", path("prediction"), results, "--data-file", path("dev.json")]
    return [
        (
            "Generate %s biographies with questions to train on, and %d to measure on"
            % ("{:,}".format(settings.train_passages), settings.dev_passages),
            [lambda: _generate(settings, path)],
        ),
        (
            "Train a tiny BERT from scratch, and answer with nothing masked",
            [["run_squad.py", *train, *reader, *settings.training_flags()]],
        ),
        (
            'Evaluate: the number after "exact" is the map\'s baseline',
            [["eval_squad.py", path("dev.json"), baseline, "--out-file", path("metrics.json")]],
        ),
        (
            "Decode with one zone masked in one layer, for every zone and layer",
            [["run_squad.py", "--do_sweep=True", "--write_attention=True", *reader, *flags]],
        ),
        ("Collect the scores", [[*collect, "--baseline", baseline]]),
        ("Draw the map", [[*draw, path("heatmap.pdf")], [*draw, path("heatmap.png")]]),
        (
            "Write the report",
            [
                [
                    *("report.py", path("prediction"), path("dev.json"), path("report.html")),
                    *("--name", "tiny BERT"),
                ]
            ],
        ),
    ]


def _generate(settings, path):
    """Writes the data set, its vocabulary and the model's configuration."""
    for part in ("train", "dev"):
        files.write_json(path(part + ".json"), settings.data_set(part), indent=1)
    words = "".join(word + "\n" for word in biographies.vocabulary())
    files.write_bytes(path("vocab.txt"), words.encode())
    files.write_json(path("bert_config.json"), settings.bert_config())


def _run(command, lock):
    """Runs one command, shown as a user would type it.

    Raises:
        UserError: it failed; it has said why.
    """
    if callable(command):
        command()
        return
    script, *arguments = command
    _say(_as_typed([_interpreter(), *command]))
    process = subprocess.Popen(
        [sys.executable, os.path.join(_ROOT, script), *arguments], pass_fds=[lock]
    )
    try:
        status = process.wait()
    except _Terminated:
        process.terminate()
        process.wait()
        raise
    except KeyboardInterrupt:
        # Control-C in a terminal reaches the command, too, which may have something to save first.
        process.wait()
        raise
    if status:
        raise UserError(
            "%s ended with status %d; see its message above, then run the demo again: it goes on "
            "from here" % (script, status)
        )


def _as_typed(words):
    """A command on lines that can be copied into a shell."""
    lines = textwrap.wrap(
        " ".join(map(shlex.quote, words)),
        width=94,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return " \\\n".join(lines)


def _interpreter():
    """The Python that runs this, as one types it in the repository's folder."""
    inside = sys.executable.startswith(_ROOT + os.sep)
    return os.path.relpath(sys.executable, _ROOT) if inside else sys.executable


def _say(line):
    print(line, flush=True)


def _since(started):
    return tqdm.tqdm.format_interval(time.time() - started)


@contextlib.contextmanager
def _only_demo_at_work(directory):
    """Makes the directory the demo's and keeps other demos out of it.

    Yields:
        A file descriptor for the commands to inherit: if a demo is killed outright, the directory
        is in use until the command that it was running has ended, too.

    Raises:
        UserError: another demo is at work in it, it cannot be written, or it holds files of
            somebody else: the demo removes what is out of date, and must not do so there.
    """
    files.make_directory(directory, "--output-dir")
    note = files.join(directory, _NOTE)
    if files.list_directory(directory) and not files.exists(note):
        raise UserError(
            "--output-dir: %s holds files that are not the demo's; name a new directory" % directory
        )
    files.check_writable(note, "--output-dir")
    descriptor = os.open(files.join(directory, _LOCK), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    except BlockingIOError:
        raise UserError(
            "--output-dir: a demo is at work in %s; wait until it has ended, or name another "
            "directory" % directory
        )
    finally:
        os.close(descriptor)


def _remove_work_of_others(settings, directory):
    """Removes model and predictions of a demo with other settings or of other code.

    Training and decoding go on by themselves where they were, but a demo with another seed is
    meant to begin again.
    """
    note = files.join(directory, _NOTE)
    this = fingerprint(
        settings=dataclasses.asdict(settings),
        generator=files.read_bytes(biographies.__file__),
        code=code_of_answers(*CODE_OF_TRAINING),
    )
    if files.exists(note) and files.read_json(note, "--output-dir") != this:
        for name in ("model", "prediction"):
            if files.exists(files.join(directory, name)):
                files.remove_tree(files.join(directory, name))
    files.write_json(note, this, "--output-dir")


class _Terminated(KeyboardInterrupt):
    """The demo was asked to end by ``kill``, of which its command knows nothing."""


def _terminate(signal_number, frame):
    raise _Terminated


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    command_line.run(main, goes_on=True)
