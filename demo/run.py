"""Runs the whole protocol on the embedded default: `make demo`, or `python -m demo.run`.

It generates a small data set, trains a tiny BERT from scratch, measures it, decodes it again with
each zone masked in each layer, draws the map, and writes a report in which to look behind it. On
two cores this takes some three minutes. Stop it whenever you like: the same command goes on where
it was, and does again only what is missing or was made with other settings.
"""

import dataclasses
import io
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time

import pandas as pd
import tqdm

import eval_squad
import get_results
import report
import visualize_att_zone
from common import command_line, files
from common.command_line import UserError
from demo import biographies
from demo.settings import QUICK, DemoSettings
from demo.steps import Ledger, Step, only_one_at_work
from running import saved as resume
from zones.cells import BASELINE, PREDICTIONS, cells_of, file_name

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main(argv=None):
    """Runs the demo.

    Raises:
        UserError: a mistake in the options, or a step that failed.
    """
    options = _parse(argv)
    settings = DemoSettings(seed=options.seed, **(QUICK if options.quick else {}))
    started = time.time()
    try:
        with only_one_at_work(options.output_dir, _say) as lock:
            demo = Demo(settings, options.output_dir, lock)
            ledger = Ledger(options.output_dir)
            steps = demo.steps()
            for number, step in enumerate(steps, 1):
                run_step(step, ledger, "[%d/%d]" % (number, len(steps)))
            demo.show()
            _say("\nAll of it took %s." % tqdm.tqdm.format_interval(time.time() - started))
    except KeyboardInterrupt:
        _say("Stopped. The same command goes on from here.")
        raise
    return 0


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


def run_step(step, ledger, number):
    """Does a step unless it is finished, and says so; ``number`` is for example ``[2/6]``."""
    if ledger.is_finished(step):
        _say("%s %s: done before, nothing to do." % (number, step.headline))
        return
    _say("%s %s ..." % (number, step.headline))
    began = time.time()
    ledger.begin(step)
    step.action()
    ledger.finish(step)
    _say("%s done in %s" % (number, tqdm.tqdm.format_interval(time.time() - began)))


def _say(line=""):
    print(line, flush=True)


class Demo:
    """The protocol's steps on one output directory."""

    def __init__(self, settings, directory, lock):
        """Args: lock: a file descriptor that child processes inherit; see only_one_at_work."""
        self._settings = settings
        self._directory = directory
        self._lock = lock

        def path(*names):
            return files.join(directory, *names)

        self.train_file, self.dev_file = path("train.json"), path("dev.json")
        self.vocab_file, self.config_file = path("vocab.txt"), path("bert_config.json")
        self.model_dir, self.prediction_dir = path("model"), path("prediction")
        self.metrics_file, self.results_file = path("metrics.json"), path("results.csv")
        self.significance_file = path("results_significance.csv")
        self.figures = [path("heatmap.pdf"), path("heatmap.png")]
        self.report_file = path("report.html")

        checkpoint = files.join(self.model_dir, "model.ckpt-%d" % settings.num_train_steps)
        self._model = [checkpoint + ".index", checkpoint + ".data-00000-of-00001"]
        self._shape = [self.vocab_file, self.config_file]
        self._predictions = self._prediction_file(BASELINE)
        cells = cells_of(settings.num_hidden_layers)
        self._cell_files = [self._prediction_file(cell) for cell in cells]

    def steps(self):
        """The steps, in order."""
        return [
            self._generating(),
            self._training(),
            self._evaluating(),
            self._sweeping(),
            self._collecting(),
            self._drawing(),
            self._reporting(),
        ]

    def show(self):
        """Prints the map as a table and says where everything is."""
        _say("\n" + map_as_text(self._baseline(), files.read_bytes(self.results_file)))
        _say("\nEverything is in %s:" % self._directory)
        for path, what in (
            (self.figures[0], "the figure"),
            (self.figures[1], "the same as an image"),
            (self.report_file, "the report: open it in a browser and click the squares"),
            (self.results_file, "exact match of every cell"),
            (self.significance_file, "its change: interval, broken and mended questions, p"),
            (self.metrics_file, "exact match and F1 with nothing masked"),
            (self.prediction_dir, "the answers, one file for each cell"),
            (self.model_dir, "the trained reader"),
            (self.train_file, "the questions it learnt from"),
            (self.dev_file, "the questions it was measured on"),
        ):
            _say("  %-25s %s" % (os.path.basename(path), what))

    def _prediction_file(self, cell):
        return files.join(self.prediction_dir, file_name(PREDICTIONS, cell))

    # The steps ----------------------------------------------------------------------------------

    def _generating(self):
        settings = self._settings

        def action():
            for part, path in (("train", self.train_file), ("dev", self.dev_file)):
                files.write_json(path, settings.data_set(part), indent=1)
            words = "".join(word + "\n" for word in biographies.vocabulary())
            files.write_bytes(self.vocab_file, words.encode())
            files.write_json(self.config_file, settings.bert_config())

        return Step(
            "generate",
            "Generating %s biographies with questions for training and %d for measuring"
            % ("{:,}".format(settings.train_passages), settings.dev_passages),
            # Its source, so that a changed generator is run again.
            inputs=[biographies.__file__],
            outputs=[self.train_file, self.dev_file, *self._shape],
            settings=dataclasses.asdict(settings),
            action=action,
        )

    def _training(self):
        flags = self._settings.training_flags()
        return Step(
            "train",
            "Training a tiny BERT from scratch, %s steps"
            % "{:,}".format(self._settings.num_train_steps),
            inputs=[self.train_file, *self._shape],
            outputs=self._model,
            settings=[flags, resume.code_of_answers(*resume.CODE_OF_TRAINING)],
            folders=(self.model_dir, self.prediction_dir),
            action=lambda: self._run_squad(
                "--do_train=True", "--train_file=" + self.train_file, *flags
            ),
        )

    def _evaluating(self):
        flags = self._settings.reading_flags()

        def action():
            self._decode("--do_predict=True", *flags)
            _call(eval_squad, self.dev_file, self._predictions, "--out-file", self.metrics_file)

        return Step(
            "evaluate",
            "Reading the development questions with nothing masked",
            inputs=[self.dev_file, *self._shape, *self._model],
            outputs=[self._predictions, self.metrics_file],
            settings=[flags, resume.code_of_answers()],
            action=action,
        )

    def _sweeping(self):
        flags = self._settings.reading_flags()
        return Step(
            "sweep",
            "Reading them %d times more, each time with one zone masked in one layer"
            % len(self._cell_files),
            inputs=[self.dev_file, *self._shape, *self._model],
            outputs=self._cell_files,
            settings=[flags, resume.code_of_answers()],
            action=lambda: self._decode("--do_sweep=True", *flags),
        )

    def _collecting(self):
        return Step(
            "collect",
            "Collecting the exact match of every cell, and whether its change is significant",
            inputs=[self.dev_file, self._predictions, *self._cell_files],
            outputs=[self.results_file, self.significance_file],
            action=lambda: _call(
                get_results,
                self.prediction_dir,
                self.results_file,
                "--data-file",
                self.dev_file,
                "--baseline",
                self._predictions,
            ),
        )

    def _drawing(self):
        def action():
            for figure in self.figures:
                _call(visualize_att_zone, self.results_file, self.significance_file, figure)

        return Step(
            "draw",
            "Drawing the map",
            inputs=[self.results_file, self.significance_file],
            outputs=self.figures,
            action=action,
        )

    def _reporting(self):
        return Step(
            "report",
            "Writing the report",
            inputs=[self.dev_file, self._predictions, *self._cell_files],
            outputs=[self.report_file],
            action=lambda: _call(report, self.prediction_dir, self.dev_file, self.report_file),
        )

    # What they call -----------------------------------------------------------------------------

    def _baseline(self):
        return files.read_json(self.metrics_file)["exact"]

    def _decode(self, *flags):
        self._run_squad(
            "--predict_file=" + self.dev_file, "--prediction_dir=" + self.prediction_dir, *flags
        )

    def _run_squad(self, *flags):
        """Runs run_squad.py as a process of its own, which keeps TensorFlow out of this one.

        Raises:
            UserError: it failed; it has said why.
        """
        command = [
            sys.executable,
            os.path.join(_ROOT, "run_squad.py"),
            "--vocab_file=" + self.vocab_file,
            "--bert_config_file=" + self.config_file,
            "--output_dir=" + self.model_dir,
            *flags,
        ]
        _show_command("run_squad.py", command[2:])
        status = subprocess.call(command, pass_fds=[self._lock])
        if status:
            raise UserError(
                "run_squad.py ended with status %d; see its message above, then run the demo "
                "again: it goes on from here" % status
            )


def _call(script, *arguments):
    """Runs one of the small scripts in this process."""
    _show_command(script.__name__ + ".py", arguments)
    status = script.main(list(arguments))
    if status:
        raise UserError("%s.py ended with status %d" % (script.__name__, status))


def _show_command(script, arguments):
    """Prints what a user would type, wrapped so that it can be copied."""
    words = [_interpreter(), script, *map(shlex.quote, arguments)]
    lines = textwrap.wrap(
        " ".join(words),
        width=94,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    _say(" \\\n".join(lines))


def _interpreter():
    """The Python that runs this, as one types it in the repository's folder."""
    inside = sys.executable.startswith(_ROOT + os.sep)
    return os.path.relpath(sys.executable, _ROOT) if inside else sys.executable


def map_as_text(baseline, results):
    """The map as it is drawn: layer 1 at the bottom; each score with its change in brackets.

    Args:
        baseline: exact match with nothing masked, in percent.
        results: the content of results.csv, as bytes.
    """
    table = pd.read_csv(io.BytesIO(results), index_col="layer")
    lines = [
        "Exact match in percent with one zone masked in one layer, and (in brackets) what that",
        "changes. With nothing masked it is %.1f." % baseline,
        "",
        "layer" + "".join("%16s" % zone.upper() for zone in table.columns),
    ]
    for layer, scores in table[::-1].iterrows():
        # Plus zero, so that a rounding of results.csv does not show as -0.0.
        cells = ["%.1f (%+.1f)" % (score, round(score - baseline, 1) + 0.0) for score in scores]
        lines.append("%5d" % layer + "".join("%16s" % cell for cell in cells))
    return "\n".join(lines)


def _stop(signal_number, frame):
    raise KeyboardInterrupt


if __name__ == "__main__":
    # "kill" stops as control-C does, so that run_squad.py does not go on alone.
    signal.signal(signal.SIGTERM, _stop)
    command_line.run(main)
