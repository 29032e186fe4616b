"""A copy of the shell drivers in a folder of its own, with a false Python, for their tests."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPTS = ("train_squad.sh", "decode_squad.sh")
CHINESE_SCRIPTS = ("train_cmrc2018.sh", "decode_cmrc2018.sh")
# Writes its arguments, one list to a call, shows its command as run_squad.py does, and ends with
# $FAKE_STATUS. What the drivers ask it with -c it answers as it is told (does it start, has it
# TensorFlow), or as any Python would (what is in a JSON file).
FAKE_PYTHON = """
import json, os, sys
if sys.argv[1] == "-c" and "json" in sys.argv[2]:
    code = sys.argv[2]
    del sys.argv[1:3]
    sys.exit(exec(code))
if sys.argv[1] == "-c":
    sys.exit(os.environ.get("FAKE_LACKS", "nothing") in sys.argv[2])
with open(os.environ["FAKE_CALLS"], "a") as stream:
    stream.write(json.dumps(sys.argv[1:]) + "\\n")
print(os.environ.get("SHOWN_COMMAND", ""), flush=True)
sys.exit(int(os.environ.get("FAKE_STATUS", "0")))
"""
DATA = ("squad/train-v1.1.json", "squad/dev-v1.1.json")
BERT = ("vocab.txt", "bert_config.json", "bert_model.ckpt.index")


def touch(*paths):
    """Makes empty files and the folders they are in."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def copy(name, folder):
    """Copies a file of the project to the same place in a folder."""
    (folder / name).parent.mkdir(exist_ok=True)
    shutil.copy(str(ROOT / name), str(folder / name))


class Project:
    """A copy of the drivers in a folder of its own, with empty data, model and a false Python."""

    def __init__(self, folder):
        self.root = folder / "a folder"
        self.root.mkdir(parents=True)
        (folder / "false.py").write_text(FAKE_PYTHON)
        self.python = folder / "false python"
        words = " ".join(shlex.quote(str(word)) for word in (sys.executable, folder / "false.py"))
        self.python.write_text('#!/usr/bin/env bash\nexec %s "$@"\n' % words)
        self.python.chmod(0o755)
        self._calls = folder / "calls"
        for name in SCRIPTS + CHINESE_SCRIPTS + ("scripts/drivers.sh",):
            copy(name, self.root)
        touch(*(self.root / name for name in DATA))
        touch(*(self.root / "bert" / "cased_L-12_H-768_A-12" / name for name in BERT))
        (self.root / "output" / "squad").mkdir(parents=True)

    def run(self, script, *arguments, cwd=None, shell=("bash",), **variables):
        """Runs a driver; a variable of None is not set at all."""
        environment = {
            "PATH": os.environ["PATH"],
            "FAKE_CALLS": str(self._calls),
            "PYTHON": str(self.python),
            "USE_TPU": "False",
        }
        environment.update(variables)
        path = self.root / script if cwd else script
        return subprocess.run(
            [*shell, str(path) if shell else "./" + script, *arguments],
            env={name: value for name, value in environment.items() if value is not None},
            cwd=str(cwd or self.root),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            check=False,
        )

    def calls(self):
        """The argument lists that the false Python got."""
        if not self._calls.exists():
            return []
        return [json.loads(line) for line in self._calls.read_text().splitlines()]

    def flags(self):
        """The flags of the one call of run_squad.py."""
        ((program, *arguments),) = self.calls()
        assert os.path.basename(program) == "run_squad.py"
        return dict(argument[2:].split("=", 1) for argument in arguments)
