"""The shell drivers with the real programs: the protocol as it is typed."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.support import small
from tests.support.driver_project import ROOT, Project
from zones import masks


@pytest.fixture
def project(tmp_path):
    """A Project."""
    return Project(tmp_path)


@pytest.fixture
def real(project, small_files, small_model):
    """The project with the real programs, and a small BERT and data set; returns its variables."""
    for name in ("run_squad.py", "eval_squad.py", "get_results.py"):
        (project.root / name).symlink_to(ROOT / name)
    bert = project.root / "small"
    bert.mkdir()
    shutil.copy(str(small_files.vocab), str(bert / "vocab.txt"))
    shutil.copy(str(small_files.config), str(bert / "bert_config.json"))
    checkpoint = next(small_model.glob("model.ckpt-*.index"))
    for path in small_model.glob(checkpoint.stem + ".*"):
        shutil.copy(str(path), str(bert / ("bert_model.ckpt" + path.suffix)))
    return {
        "PYTHON": sys.executable,
        "BERT_DIR": "small",
        "TRAIN_FILE": str(small_files.data),
        "PREDICT_FILE": str(small_files.data),
        "MODEL_OUTPUT_DIR": "my model",
        "MAX_SEQ_LENGTH": "32",
        "DOC_STRIDE": "12",
        "TRAIN_BATCH_SIZE": "4",
        "NUM_TRAIN_EPOCHS": "1",
    }


def commands_said(project, run):
    """Types the indented command lines that a driver names at its end, up to the next driver."""
    said = run.stdout.split("\n\n")[-1]
    lines = [line.strip() for line in said.splitlines() if line.startswith("    ")]
    return [
        subprocess.run(
            ["bash", "-c", line],
            cwd=str(project.root),
            stdout=subprocess.PIPE,
            universal_newlines=True,
            check=True,
        ).stdout
        for line in lines
        if "_squad.sh" not in line
    ]


def test_the_protocol_from_training_to_results(project, real):
    trained = project.run("train_squad.sh", "--max_query_length=8", **real)
    assert trained.returncode == 0, trained.stderr
    (score,) = commands_said(project, trained)
    assert json.loads(score)["total"] == small.NUM_QUESTIONS

    for zones in (["q2", "all"], ["q2p", "p2q", "p2"]):
        decoded = project.run("decode_squad.sh", *zones, "--", "--max_query_length=8", **real)
        assert decoded.returncode == 0, decoded.stderr
    commands_said(project, decoded)
    header, *rows = (project.root / "results.csv").read_text().splitlines()
    assert header == ",".join(("layer",) + masks.ZONES)
    assert len(rows) == small.CONFIG["num_hidden_layers"]
    baseline = [project.root / folder / "predictions.json" for folder in ("my model", "prediction")]
    assert baseline[0].read_bytes() == baseline[1].read_bytes()


def test_an_unknown_zone_is_refused_with_the_list_of_zones(project, real, small_model):
    run = project.run("decode_squad.sh", "q2x", **{**real, "MODEL_OUTPUT_DIR": str(small_model)})
    assert run.returncode == 2
    line = run.stderr.splitlines()[-1]
    assert "q2x" in line
    assert ", ".join(masks.OFFERED_ZONES) in line
    assert not (project.root / "prediction").exists()
