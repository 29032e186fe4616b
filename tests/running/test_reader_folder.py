"""A folder with a reader says what the flags need not; what they say must agree with it."""

import json
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from running import reader_folder
from running.reader_folder import CONVERTED, Note
from tests.support import small

# What the folder of a reader says itself.
NEEDLESS = ("vocab_file", "bert_config_file", "do_lower_case") + (
    "max_seq_length",
    "doc_stride",
    "max_query_length",
)
UNSAID = dict.fromkeys(NEEDLESS)


@pytest.fixture
def model(small_model, tmp_path):
    """A copy of the small model, to be trained on or spoiled."""
    folder = tmp_path / "model"
    shutil.copytree(str(small_model), str(folder))
    return folder


def nbest(paths, model, out, **more):
    assert small.run(paths, model, do_predict=True, prediction_dir=out, **more) == 0
    return (out / "nbest_predictions.json").read_bytes()


def said(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line.strip()]


def weights(folder, name="cls/squad/output_weights"):
    path = tf.train.latest_checkpoint(str(folder))
    return tf.train.load_checkpoint(path).get_tensor(name)


# Decoding ---------------------------------------------------------------------------------------


def test_a_reader_is_decoded_with_its_folder_alone(small_files, small_model, tmp_path, capsys):
    with_flags = nbest(small_files, small_model, tmp_path / "a")
    capsys.readouterr()
    assert nbest(small_files, small_model, tmp_path / "b", **UNSAID) == with_flags
    assert not [line for line in said(capsys) if line.startswith(("NOTE", "WARNING"))]


def test_a_tokenizer_file_alone_is_no_swapped_vocabulary(
    small_files, small_model, tmp_path, capsys
):
    (tmp_path / "tokenizer.json").write_text("{}")
    flags = dict(UNSAID, do_predict=True, vocab_file=tmp_path / "tokenizer.json")
    assert small.run(small_files, small_model, **flags) == 2
    assert "tokenizer.json is another vocabulary than" in said(capsys)[-1]


def test_a_directory_of_the_hub_is_told_from_a_reader(small_files, tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    assert small.run(small_files, tmp_path, **dict(UNSAID, do_predict=True)) == 2
    assert "of the Hugging Face hub convert_checkpoint.py makes one" in said(capsys)[-1]


def test_a_reader_may_be_moved(small_files, model, tmp_path):
    with_flags = nbest(small_files, model, tmp_path / "a")
    model.rename(tmp_path / "moved")
    assert nbest(small_files, tmp_path / "moved", tmp_path / "b", **UNSAID) == with_flags


def test_a_folder_that_is_not_there_is_named(small_files, tmp_path, capsys):
    flags = dict(UNSAID, do_predict=True, prediction_dir=tmp_path / "a")
    assert small.run(small_files, tmp_path / "modle", **flags) == 2
    (line,) = said(capsys)
    assert line.endswith("for there is no folder %s; check the path" % (tmp_path / "modle"))
    assert not (tmp_path / "a").exists()


def changed_config(paths, tmp_path, **more):
    path = tmp_path / "other.json"
    path.write_text(json.dumps(dict(small.CONFIG, **more)))
    return {"bert_config_file": path}


CONTRADICTIONS = {
    "case": (lambda paths, folder: {"do_lower_case": True}, ["--do_lower_case=True", "False"]),
    # Its note says null: as for the case.
    "accents": (lambda paths, folder: {"strip_accents": True}, ["--strip_accents=True", "False"]),
    "vocabulary": (
        lambda paths, folder: {"vocab_file": reordered(paths.vocab, folder)},
        ["--vocab_file", "other.txt", "vocab.txt"],
    ),
    "heads": (
        lambda paths, folder: changed_config(paths, folder, num_attention_heads=4),
        ["--bert_config_file", "num_attention_heads 4", "has 2"],
    ),
    "activation": (
        lambda paths, folder: changed_config(paths, folder, hidden_act="relu"),
        ["--bert_config_file", "relu", "gelu"],
    ),
}


def reordered(path, folder):
    *lines, last = path.read_text().splitlines()
    other = folder / "other.txt"
    other.write_text("\n".join(lines[:-1] + [last, lines[-1]]) + "\n")
    return other


@pytest.mark.parametrize("name", sorted(CONTRADICTIONS))
def test_a_flag_that_contradicts_the_folder_is_refused(
    name, small_files, small_model, tmp_path, capsys
):
    flags, parts = CONTRADICTIONS[name]
    more = dict(do_predict=True, prediction_dir=tmp_path / "out")
    more.update(flags(small_files, tmp_path))
    assert small.run(small_files, small_model, **more) == 2
    (line,) = said(capsys)
    assert all(part in line for part in parts), line


def test_flags_that_say_the_same_otherwise_agree(small_files, small_model, tmp_path):
    more = dict(changed_config(small_files, tmp_path, hidden_dropout_prob=0.3), strip_accents=False)
    vocab = tmp_path / "dos.txt"
    vocab.write_bytes(small_files.vocab.read_bytes().replace(b"\n", b"\r\n"))
    expected = nbest(small_files, small_model, tmp_path / "a")
    assert nbest(small_files, small_model, tmp_path / "b", vocab_file=vocab, **more) == expected


def test_lengths_other_than_those_of_training_are_noted(small_files, small_model, tmp_path, capsys):
    nbest(small_files, small_model, tmp_path / "out", max_seq_length=30, doc_stride=10)
    (note,) = [line for line in said(capsys) if line.startswith("NOTE")]
    assert "--max_seq_length=30 (it was 32)" in note
    assert "--doc_stride=10 (it was 12)" in note
    assert "max_query_length" not in note


def test_what_neither_flags_nor_folder_say_is_named(small_files, small_model, tmp_path, capsys):
    bare = small.bare(small_model, tmp_path / "bare")
    assert small.run(small_files, bare, do_predict=True, **UNSAID) == 2
    (line,) = said(capsys)
    assert "--vocab_file is missing" in line
    assert str(bare) in line


# Notes ------------------------------------------------------------------------------------------


def test_a_note_is_read_as_it_was_written(tmp_path):
    note = Note(CONVERTED, "hub/reader", {"align_answers": False, "score_padding": False})
    reader_folder.write_note(str(tmp_path), note)
    assert reader_folder.read_note(str(tmp_path)) == note
    assert reader_folder.read_note(str(tmp_path / "none")) is None


def test_a_converted_reader_says_the_same_of_itself(small_files, small_model, tmp_path):
    model = small.bare(small_model, tmp_path / "bare")
    shutil.copy(str(small_files.vocab), str(model / "vocab.txt"))
    shutil.copy(str(small_files.config), str(model / "bert_config.json"))
    note = Note(CONVERTED, "hub/reader", {"do_lower_case": False, "score_padding": False})
    reader_folder.write_note(str(model), note)
    lengths = dict(max_seq_length=32, doc_stride=12, max_query_length=8)
    flags = dict(UNSAID, **lengths)
    assert nbest(small_files, model, tmp_path / "a", **flags) == nbest(
        small_files, small_model, tmp_path / "b"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"origin": "trained here", "flags": {"score_padding": "no"}}',
        *(
            pytest.param(content, marks=pytest.mark.slow)
            for content in (
                b"",
                b"[]",
                b"null",
                b'{"origin": 3}',
                b'{"origin": "trained here", "flags": {"learning_rate": 1}}',
            )
        ),
    ],
)
def test_a_note_that_cannot_be_read_is_told_and_passed_over(
    content, small_files, model, tmp_path, capsys
):
    expected = nbest(small_files, model, tmp_path / "a")
    (model / "reader.json").write_bytes(content)
    capsys.readouterr()
    assert nbest(small_files, model, tmp_path / "b") == expected
    (note,) = [line for line in said(capsys) if line.startswith("NOTE")]
    assert "reader.json" in note


def as_before(model, paths):
    """Makes a folder as it was before readers described themselves."""
    note = json.loads((model / "reader.json").read_text())["training"]
    del note["sha256"], note["score_padding"]
    note["version_2"] = note.pop("version_2_with_negative")
    (model / "training.json").write_text(json.dumps(note))
    for name in ("reader.json", "vocab.txt", "bert_config.json"):
        (model / name).unlink()


@pytest.mark.slow
def test_a_folder_of_before_is_decoded_and_trained_on(small_files, model, tmp_path, jobs, capsys):
    expected = nbest(small_files, model, tmp_path / "a")
    as_before(model, small_files)
    assert nbest(small_files, model, tmp_path / "b") == expected
    capsys.readouterr()
    assert small.run(small_files, model, do_train=True, learning_rate=1e-3) == 2
    assert "learning_rate was 5e-05, now 0.001" in said(capsys)[-1]
    assert small.run(small_files, model, do_train=True) == 0
    assert "nothing is trained" in said(capsys)[-1]
    assert not jobs
    assert small.run(small_files, model, do_train=True, num_train_epochs=3) == 0
    assert jobs[0].start == str(model / "model.ckpt-12")
    assert "training goes on" in "\n".join(said(capsys))
    # Now it says itself what it is.
    assert small.run(small_files, model, do_predict=True, **UNSAID) == 0


# Training again ---------------------------------------------------------------------------------

OTHERWISE = {
    "learning rate": (dict(learning_rate=1e-3), ["learning_rate was 5e-05, now 0.001"]),
    "fewer epochs": (dict(num_train_epochs=1), ["num_train_epochs was 2.0, now 1.0"]),
    "batch and seed": (
        dict(train_batch_size=6, random_seed=7),
        ["train_batch_size was 4, now 6", "random_seed was 12345, now 7"],
    ),
    "padding": (dict(score_padding=True), ["score_padding was False, now True"]),
    "lengths": (dict(max_seq_length=31), ["max_seq_length was 32, now 31"]),
}


@pytest.mark.parametrize("name", sorted(OTHERWISE))
def test_training_again_with_other_settings_is_refused(name, small_files, small_model, capsys):
    more, parts = OTHERWISE[name]
    before = {path.name: path.read_bytes() for path in small_model.iterdir()}
    assert small.run(small_files, small_model, do_train=True, **more) == 2
    line = said(capsys)[-1]
    assert all(part in line for part in ["--output_dir", "--overwrite=True", *parts]), line
    assert {path.name: path.read_bytes() for path in small_model.iterdir()} == before


def test_the_same_questions_elsewhere_are_no_other_setting(
    small_files, small_model, tmp_path, capsys
):
    moved, other = tmp_path / "moved.json", tmp_path / "data.json"
    shutil.copy(str(small_files.data), str(moved))
    other.write_text(json.dumps(small.data_set(seed=1)))
    assert small.run(small_files, small_model, do_train=True, train_file=moved) == 0
    assert "nothing is trained" in said(capsys)[-1]
    assert small.run(small_files, small_model, do_train=True, train_file=other) == 2
    assert "train_file was" in said(capsys)[-1]


def test_overwrite_begins_anew(small_files, model, jobs):
    more = dict(do_train=True, learning_rate=1e-3, overwrite=True)
    assert small.run(small_files, model, **more) == 0
    assert [(job.start, job.num_steps) for job in jobs] == [(None, 12)]
    assert not list(model.glob("model.ckpt-*"))
    assert reader_folder.read_note(str(model)).training["learning_rate"] == 1e-3


@pytest.mark.slow
def test_overwrite_trains_anew(small_files, model, tmp_path):
    more = dict(do_train=True, learning_rate=1e-3, num_train_epochs=0.5)
    assert small.run(small_files, tmp_path / "new", **more) == 0
    assert small.run(small_files, model, overwrite=True, **more) == 0
    np.testing.assert_array_equal(weights(model), weights(tmp_path / "new"))
    assert not list(model.glob("model.ckpt-12*"))
    note = reader_folder.read_note(str(model))
    assert note.training["learning_rate"] == 1e-3


def test_a_mistake_comes_before_anything_is_overwritten(small_files, model, capsys):
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    broken = dict(init_checkpoint=small_files.vocab, overwrite=True)
    assert small.run(small_files, model, do_train=True, **broken) == 2
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_a_converted_reader_is_not_trained_over(small_files, model, tmp_path, jobs, capsys):
    reader_folder.write_note(
        str(model), Note(CONVERTED, "hub/reader", {"do_lower_case": False, "score_padding": False})
    )
    # Named with vocabulary and shape, and without.
    for named in ({}, dict(vocab_file=None, bert_config_file=None)):
        assert small.run(small_files, model, do_train=True, **named) == 2
        line = said(capsys)[-1]
        assert "converted from hub/reader" in line
        assert "--init_checkpoint=%s" % model in line
    # As it says; vocabulary, shape and case are the reader's.
    further = dict(UNSAID, init_checkpoint=model, max_seq_length=32)
    assert small.run(small_files, tmp_path / "new", do_train=True, **further) == 0
    assert reader_folder.read_note(str(tmp_path / "new")).flags["do_lower_case"] is False
    assert jobs[0].start == str(model / "model.ckpt-12")
