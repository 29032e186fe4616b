"""There and back: hub -> here -> hub keeps all numbers, here -> hub -> here all answers.

And what one does in between: trains further, and decodes by the drivers.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy

import convert_checkpoint
import eval_cmrc2018
import run_squad
from tests.support import chinese, small
from tests.support.hub_files import bert_config, write_directory
from tests.support.hub_files import tensors_of as random_tensors

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KINDS = ("bert", "electra", "distilbert", "albert", "roberta")
# Short windows of few passages: 4 steps take seconds. A rate of 0 leaves the weights as they are.
TRAINING = dict(
    do_train=True,
    learning_rate=0,
    train_batch_size=16,
    num_train_epochs=1,
    max_seq_length=96,
    max_query_length=24,
)


def convert(*arguments):
    return small.status_of(convert_checkpoint.main, [str(argument) for argument in arguments])


def tensors_of(folder):
    return safetensors.numpy.load((folder / "model.safetensors").read_bytes())


@pytest.fixture(scope="module", params=KINDS)
def model(request, shared):
    """The directory of a golden reader of the hub."""
    return shared / "golden" / "hub" / (request.param + "-qa") / "model"


def trained_and_back(source, folder):
    """Converts a hub directory, trains from it at a rate of 0, and converts the result back."""
    assert convert(source, folder / "here") == 0
    flags = dict(
        TRAINING,
        output_dir=folder / "trained",
        train_file=source.parent / "questions.json",
        init_checkpoint=folder / "here",
    )
    if not flags["train_file"].exists():
        flags["train_file"] = folder / "questions.json"
    flags = ["--%s=%s" % item for item in flags.items()]
    assert small.status_of(run_squad.main, flags) == 0
    assert convert("--to-safetensors", folder / "trained", folder / "back") == 0
    return folder / "back"


@pytest.mark.slow
def test_a_reader_that_is_trained_further_converts_back(model, tmp_path):
    back = trained_and_back(model, tmp_path)
    before, after = tensors_of(model), tensors_of(back)
    assert set(before) == set(after)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    said, written = (json.loads((f / "config.json").read_text()) for f in (model, back))
    assert {key: said[key] for key in written if key in said} == {
        key: written[key] for key in written if key in said
    }
    for name in ("vocab.txt", "tokenizer.json"):
        if (back / name).exists():
            assert (back / name).read_bytes() == (model / name).read_bytes()
    if (back / "vocab.txt").exists():
        said, written = (
            json.loads((f / "tokenizer_config.json").read_text()) for f in (model, back)
        )
        for key in ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "tokenizer_class"):
            assert written[key] == said[key]


@pytest.mark.slow
def test_an_encoder_is_trained_from(model, tmp_path):
    """Without its span head, a directory is where training starts, and no reader."""
    encoder = tmp_path / "encoder"
    shutil.copytree(str(model), str(encoder))
    encoder.chmod(0o755)
    shutil.copy(str(model.parent / "questions.json"), str(tmp_path / "questions.json"))
    kept = {name: t for name, t in tensors_of(model).items() if not name.startswith("qa_outputs")}
    (encoder / "model.safetensors").unlink()
    (encoder / "model.safetensors").write_bytes(safetensors.numpy.save(kept))
    back = tensors_of(trained_and_back(encoder, tmp_path))
    assert not (tmp_path / "here" / "checkpoint").exists()
    assert set(back) - set(kept) == {"qa_outputs.weight", "qa_outputs.bias"}
    assert all(np.array_equal(back[name], kept[name]) for name in kept)


def decoded_by(driver, questions, folder, *flags):
    """Types a driver for q2 and three questions; returns the answers with it masked in layer 1."""
    chosen = dict(
        MODEL_OUTPUT_DIR="here",
        PREDICT_FILE=str(questions),
        PREDICTION_DIR="prediction",
        USE_TPU="False",
        MAX_QUESTIONS="3",
        PYTHON=sys.executable,
    )
    done = subprocess.run(
        ["bash", str(ROOT / driver), "q2", "--", *flags],
        env=dict(os.environ, **chosen),
        cwd=str(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return json.loads((folder / "prediction" / "predictions_layer1_q2.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["decode_squad.sh", "decode_cmrc2018.sh"])
def test_the_drivers_need_no_more_than_the_folder(driver, model, tmp_path):
    """No BERT_DIR, no case, no lengths; and the layers and the tokenizer of any architecture."""
    assert convert(model, tmp_path / "here") == 0
    questions, flags = model.parent / "questions.json", ("--mask_layer=1", "--max_seq_length=192")
    assert len(decoded_by(driver, questions, tmp_path, *flags)) == 3


@pytest.mark.slow
def test_a_chinese_reader_of_the_hub_answers_and_its_sample_is_scored(tmp_path, capsys):
    files = chinese.write_files(tmp_path)
    config = dict(bert_config(), vocab_size=len(chinese.PIECES))
    source = write_directory(tmp_path / "hub", config, random_tensors(config), files.vocab)
    (source / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    assert convert(source, tmp_path / "here") == 0
    found = decoded_by("decode_cmrc2018.sh", files.own_form, tmp_path, "--max_seq_length=40")
    passages = {key: passage for _, passage, asked in chinese.passages() for key, *_ in asked}
    assert len(found) == 3
    assert all(text in passages[key].replace(" ", "") for key, text in found.items())
    baseline = tmp_path / "prediction" / "predictions.json"
    capsys.readouterr()
    assert small.status_of(eval_cmrc2018.main, [str(files.own_form), str(baseline)]) is None
    out, err = capsys.readouterr()
    assert json.loads(out)["TOTAL"] == 3 and "a random sample: 3 of 16 questions" in err
    assert "95 % interval" in err


def answers(files, model, folder):
    where = dict(do_predict=True, prediction_dir=folder, vocab_file=None, bert_config_file=None)
    assert small.run(files, model, do_lower_case=None, **where) == 0
    return json.loads((folder / "predictions.json").read_text())


def test_a_reader_trained_here_comes_back_with_its_answers(small_files, small_model, tmp_path):
    assert convert("--to-safetensors", small_model, tmp_path / "hub") == 0
    assert convert(tmp_path / "hub", tmp_path / "here") == 0
    before = answers(small_files, small_model, tmp_path / "before")
    assert answers(small_files, tmp_path / "here", tmp_path / "after") == before


def test_a_published_reader_still_lets_padding_compete(small_files, small_model, tmp_path):
    published = tmp_path / "published"
    published.mkdir()
    for path in small_model.glob("model.ckpt-*"):
        shutil.copy(str(path), str(published / path.name))
    named = ["--bert_config_file", small_files.config, "--vocab_file", small_files.vocab]
    case = ["--do_lower_case", "False"]
    assert convert("--to-safetensors", published, tmp_path / "hub", *named, *case) == 0
    assert convert(tmp_path / "hub", tmp_path / "here") == 0
    flags = json.loads((tmp_path / "here" / "reader.json").read_text())["flags"]
    assert flags["score_padding"] is True and flags["do_lower_case"] is False
    assert flags.get("align_answers", True)
