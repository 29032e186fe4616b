"""Which checkpoint a folder holds, whether it is whole, and what is said where it is not."""

import json
import os
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from running import checkpoints
from tests.support import small

LAST, BEFORE = "model.ckpt-12", "model.ckpt-6"
DATA = ".data-00000-of-00001"


@pytest.fixture
def model(small_model, tmp_path):
    """A copy of the small model, to be spoiled."""
    folder = tmp_path / "model"
    shutil.copytree(str(small_model), str(folder))
    return folder


@pytest.fixture(scope="module")
def two_questions(tmp_path_factory):
    data = small.data_set()
    data["data"][0]["paragraphs"] = data["data"][0]["paragraphs"][:1]
    path = tmp_path_factory.mktemp("data") / "data.json"
    path.write_text(json.dumps(data))
    return path


@pytest.fixture(scope="module")
def answers(small_model, small_files, two_questions, tmp_path_factory):
    """What the models of step 12 and of step 6 answer."""
    found = {}
    for name in (LAST, BEFORE):
        folder = tmp_path_factory.mktemp(name)
        model = folder / "model"
        shutil.copytree(str(small_model), str(model))
        if name == BEFORE:
            for path in model.glob(LAST + "*"):
                path.unlink()
        found[name] = decoded(small_files, model, two_questions, folder)
    assert found[LAST] != found[BEFORE]
    return found


def decoded(paths, model, data, folder, **more):
    flags = dict(do_predict=True, predict_file=data, prediction_dir=folder / "out")
    assert small.run(paths, model, **dict(flags, **more)) == 0
    return (folder / "out" / "nbest_predictions.json").read_bytes()


def said(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line.strip()]


def refusal(capsys, paths, model, data, folder, **more):
    """The only line that is printed where nothing is decoded."""
    flags = dict(do_predict=True, predict_file=data, prediction_dir=folder / "out")
    capsys.readouterr()
    assert small.run(paths, model, **dict(flags, **more)) == 2
    (line,) = said(capsys)
    assert not list((folder / "out").glob("*.json")) if (folder / "out").exists() else True
    return line


def state(text):
    return lambda model: (model / "checkpoint").write_bytes(text.encode())


def named(path):
    return state('model_checkpoint_path: "%s"\nall_model_checkpoint_paths: "%s"\n' % (path, path))


def cut(name, size):
    def spoil(model):
        with open(str(model / name), "r+b") as stream:
            stream.truncate(size)

    return spoil


def without(pattern):
    def spoil(model):
        for path in model.glob(pattern):
            path.unlink()

    return spoil


def replaced(pattern, content):
    def spoil(model):
        for path in model.glob(pattern):
            path.write_bytes(content)

    return spoil


def linked(pattern):
    """In the place of files, links to files that are not there."""

    def spoil(model):
        for path in list(model.glob(pattern)):
            path.unlink()
            path.symlink_to("/nowhere/" + path.name)

    return spoil


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 435755784\n" % (
    b"4" * 64
)


# Which one a folder holds -----------------------------------------------------------------------

MOVED = {
    # name: (what is done to the folder, the checkpoint that is read, parts of the NOTE or None)
    "as it was": (lambda model: None, LAST, None),
    "absolute": (named("/content/drive/My Drive/squad/" + LAST), LAST, ["My Drive"]),
    "relative": (named("output/squad/" + LAST), LAST, ["output/squad"]),
    "bucket": (named("gs://bucket/squad/" + LAST), LAST, ["gs://bucket"]),
    "windows": (named("C:\\\\Users\\\\me\\\\" + LAST), LAST, ["C:"]),
    "windows, not escaped": (named("C:\\Users\\me\\" + LAST), LAST, ["C:"]),
    "byte order mark": (state('\ufeffmodel_checkpoint_path: "%s"\n' % LAST), LAST, None),
    "newer and gone": (named("model.ckpt-99"), LAST, ["model.ckpt-99"]),
    "older": (named(BEFORE), LAST, [BEFORE]),
    "missing": (without("checkpoint"), LAST, None),
    "empty": (state(""), LAST, None),
    "not its form": (state("{}\n\0"), LAST, None),
    "a folder": (lambda m: [without("checkpoint")(m), (m / "checkpoint").mkdir()], LAST, None),
    "a link to nowhere": (linked("checkpoint"), LAST, None),
    "newest are links to nowhere": (linked(LAST + ".*"), BEFORE, [LAST + ".index", "a link"]),
    "newest is a pointer": (replaced(LAST + DATA, POINTER), BEFORE, [LAST + DATA, "Git LFS"]),
    "index is a page": (replaced(LAST + ".index", b"<html>"), BEFORE, [LAST + ".index", "HTML"]),
    "newest is cut": (cut(LAST + DATA, 1000), BEFORE, [LAST + DATA, "1,000 of"]),
    "newest has no weights": (without(LAST + ".data*"), BEFORE, [LAST + DATA, "missing"]),
    "newest has no index": (without(LAST + ".index"), BEFORE, [LAST + ".index", "missing"]),
    "index is cut": (cut(LAST + ".index", 200), BEFORE, [LAST + ".index", "damaged"]),
    "index is empty": (cut(LAST + ".index", 0), BEFORE, [LAST + ".index", "damaged"]),
    "left of macOS": (lambda m: (m / ("._model.ckpt-99.index")).write_bytes(b"x"), LAST, None),
    "left of a save": (
        lambda m: (m / ("model.ckpt-99.data-00000-of-00001.tempstate77")).write_bytes(b"x"),
        LAST,
        None,
    ),
}


# One of each kind is quick: the note's, the paths', the files'.
_QUICK = {"as it was", "absolute", "missing", "newer and gone", "newest is cut", "windows"}


@pytest.mark.parametrize(
    "name",
    [
        name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(MOVED)
    ],
)
def test_the_newest_whole_checkpoint_in_the_folder_is_read(
    name, model, small_files, answers, two_questions, tmp_path, capsys
):
    spoil, expected, parts = MOVED[name]
    spoil(model)
    assert decoded(small_files, model, two_questions, tmp_path) == answers[expected]
    notes = [line for line in said(capsys) if line.startswith("NOTE")]
    assert len(notes) == (0 if parts is None else 1)
    for part in parts or ():
        assert part in notes[0]


def test_a_checkpoint_outside_of_the_folder_is_never_read(
    model, small_model, small_files, two_questions, tmp_path, capsys
):
    without("model.ckpt-*")(model)
    for path in (small_model / LAST, os.path.relpath(str(small_model / LAST), str(model))):
        named(path)(model)
        line = refusal(capsys, small_files, model, two_questions, tmp_path)
        assert "--output_dir" in line
        assert str(path) in line  # what `checkpoint` names
        assert "bert_config.json" in line  # what is there


ABSENT = {
    "no folder": (lambda m: shutil.rmtree(str(m)), ["there is no", "no fine-tuned checkpoint"]),
    "empty folder": (without("*"), ["no fine-tuned checkpoint", "nothing"]),
    "none but of step 0": (
        lambda m: [without(LAST + ".data*")(m), without(BEFORE + "*")(m)],
        [LAST + DATA, "missing"],
    ),
    "no step was made": (
        lambda m: [without(name)(m) for name in (LAST + "*", BEFORE + "*", "checkpoint")],
        ["model.ckpt-0 was saved before the first step"],
    ),
    "no weights at all": (without("*.data*"), [LAST + DATA, BEFORE + DATA, "missing"]),
    "no indices at all": (without("*.index"), [LAST + ".index", "missing"]),
    "pointers": (replaced("model.ckpt-*", POINTER), [LAST + ".index is a Git LFS pointer"]),
    "folders": (
        lambda m: [without("model.ckpt-*")(m), (m / (LAST + ".index")).mkdir()],
        [LAST],
    ),
    "another form": (
        lambda m: [without("model.ckpt-*")(m), (m / "tf_model.h5").write_bytes(b"x")],
        ["tf_model.h5 is of a model in another form", "convert_checkpoint.py"],
    ),
    "in a folder of it": (
        lambda m: [
            (m / "last").mkdir(),
            [path.rename(m / "last" / path.name) for path in m.glob("model.ckpt-*")],
        ],
        ["its folder last holds one"],
    ),
}


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_what_is_not_there_is_said_in_one_line(
    name, model, small_files, two_questions, tmp_path, capsys
):
    spoil, parts = ABSENT[name]
    spoil(model)
    line = refusal(capsys, small_files, model, two_questions, tmp_path)
    assert all(part in line for part in ["--output_dir", *parts])


def test_a_checkpoint_in_place_of_its_folder_is_recognised(
    model, small_files, two_questions, tmp_path, capsys
):
    line = refusal(capsys, small_files, model / LAST, two_questions, tmp_path)
    assert "%s is a checkpoint; name the folder that it is in, %s" % (LAST, model) in line


def test_nothing_is_built_for_a_checkpoint_that_is_cut(model, monkeypatch):
    without(BEFORE + "*")(model)
    cut(LAST + DATA, 2000)(model)
    monkeypatch.setattr(checkpoints, "model_shapes", None)
    with pytest.raises(checkpoints.UserError, match="2,000 of"):
        checkpoints.fine_tuned(str(model), None)


# Going on ---------------------------------------------------------------------------------------

GOING_ON = {
    "as it was": (lambda model: None, 12),
    "checkpoint deleted": (without("checkpoint"), 12),
    "checkpoint emptied": (state(""), 12),
    "moved": (named("/content/drive/My Drive/squad/" + LAST), 12),
    "newer and gone": (named("model.ckpt-99"), 12),
    "newest is cut": (cut(LAST + DATA, 1000), 6),
    "note emptied": (lambda model: (model / "reader.json").write_bytes(b""), 12),
}


@pytest.fixture(scope="module")
def gone_on(small_model, small_files, tmp_path_factory):
    """The weights of step 18, gone on with from step 12 and from step 6."""
    found = {}
    for step, name in ((12, LAST), (6, BEFORE)):
        folder = tmp_path_factory.mktemp("gone_on") / "model"
        shutil.copytree(str(small_model), str(folder))
        if name == BEFORE:
            without(LAST + "*")(folder)
            named(BEFORE)(folder)
        assert small.run(small_files, folder, do_train=True, num_train_epochs=3) == 0
        found[step] = weights_of(folder / "model.ckpt-18")
    assert not np.array_equal(found[12], found[6])
    return found


def weights_of(path, name="cls/squad/output_weights"):
    return tf.train.load_checkpoint(str(path)).get_tensor(name)


def go_on(name, model, small_files, capsys):
    """Trains a spoiled model on; returns from which step, once it has looked at what was said."""
    spoil, step = GOING_ON[name]
    spoil(model)
    assert small.run(small_files, model, do_train=True, num_train_epochs=3) == 0
    lines = said(capsys)
    (line,) = [line for line in lines if "training goes on" in line]
    assert "trained for %d steps" % step in line
    assert "to step 18" in line
    assert not any("scratch" in line or "Initialised" in line for line in lines)
    return step


@pytest.mark.parametrize("name", sorted(GOING_ON))
def test_training_goes_on_from_the_newest_checkpoint(name, model, small_files, jobs, capsys):
    step = go_on(name, model, small_files, capsys)
    (job,) = jobs
    assert (job.start, job.names) == (str(model / ("model.ckpt-%d" % step)), None)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(GOING_ON))
def test_weights_are_those_of_a_training_that_was_not_spoiled(
    name, model, small_files, gone_on, capsys
):
    step = go_on(name, model, small_files, capsys)
    np.testing.assert_array_equal(weights_of(model / "model.ckpt-18"), gone_on[step])


@pytest.mark.slow
def test_nothing_is_trained_from_scratch_beside_what_is_left_of_checkpoints(
    model, small_files, capsys
):
    without("*.data*")(model)
    before = sorted(path.name for path in model.iterdir())
    capsys.readouterr()
    assert small.run(small_files, model, do_train=True) == 2
    assert "no whole checkpoint" in said(capsys)[-1]
    assert sorted(path.name for path in model.iterdir()) == before


@pytest.mark.slow
def test_a_training_that_was_stopped_at_once_begins_again(model, small_files, tmp_path, capsys):
    """TensorFlow saves before the first step, too."""
    new = tmp_path / "new"
    with tf.Graph().as_default(), tf.Session() as session:
        reader = tf.train.load_checkpoint(str(model / LAST))
        for name in reader.get_variable_to_shape_map():
            value = reader.get_tensor(name)
            tf.get_variable(name, initializer=value * 0)
        session.run(tf.global_variables_initializer())
        new.mkdir()
        tf.train.Saver().save(session, str(new / "model.ckpt-0"))
    capsys.readouterr()
    more = dict(init_checkpoint=model / BEFORE, learning_rate=0)
    assert small.run(small_files, new, do_train=True, **more) == 0
    text = "\n".join(said(capsys))
    assert "already holds" not in text
    assert "39 of the model's 39 variables" in text
    np.testing.assert_array_equal(weights_of(model / BEFORE), weights_of(new / LAST))


def test_a_model_without_its_training_state_is_not_gone_on_with(model, small_files, capsys):
    rewritten(model, lambda name, value: None if "adam" in name or name == "global_step" else value)
    capsys.readouterr()
    assert small.run(small_files, model, do_train=True) == 2
    assert "--init_checkpoint=%s" % (model / LAST) in said(capsys)[-1]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_in_the_place_of_a_file_is_refused_at_once(overwrite, model, small_files, capsys):
    (model / "checkpoint").unlink()
    (model / "checkpoint").mkdir()
    before = sorted(path.name for path in model.iterdir())
    more = dict(num_train_epochs=3, overwrite=overwrite)
    assert small.run(small_files, model, do_train=True, **more) == 2
    assert "%s is a directory" % (model / "checkpoint") in said(capsys)[-1]
    assert sorted(path.name for path in model.iterdir()) == before


GONE_BADLY = {
    "lacks": (
        lambda name, value: None if name.endswith("query/kernel/adam_v") else value,
        "lacks 2 variables of the optimizer",
    ),
    "numbers": (
        lambda name, value: np.full_like(value, np.nan) if name.endswith("adam_v") else value,
        "adam_v holds numbers that cannot be",
    ),
    "step": (
        lambda name, value: np.array([7, 8]) if name == "global_step" else value,
        "global_step is no single whole number",
    ),
}


@pytest.mark.parametrize("name", sorted(GONE_BADLY))
def test_what_training_needs_to_go_on_is_looked_at(name, model, small_files, capsys):
    change, part = GONE_BADLY[name]
    rewritten(model, change)
    before = sorted(path.name for path in model.iterdir())
    capsys.readouterr()
    assert small.run(small_files, model, do_train=True, num_train_epochs=3) == 2
    assert part in said(capsys)[-1]
    assert sorted(path.name for path in model.iterdir()) == before


# What one holds ---------------------------------------------------------------------------------


def rewritten(model, change):
    """Saves the newest checkpoint anew, with names and values changed: None leaves one out."""
    reader = tf.train.load_checkpoint(str(model / LAST))
    names = list(reader.get_variable_to_shape_map())
    values = {name: reader.get_tensor(name) for name in names}
    for path in model.glob("model.ckpt*"):
        path.unlink()
    with tf.Graph().as_default(), tf.Session() as session:
        for name, value in values.items():
            changed = change(name, value)
            if changed is not None:
                new, array = changed if isinstance(changed, tuple) else (name, changed)
                tf.get_variable(new, initializer=array)
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, str(model / LAST))


@pytest.mark.parametrize("number", [np.nan, np.inf, -1e38, 1e30])
def test_weights_that_are_no_numbers_are_refused(
    number, model, small_files, two_questions, tmp_path, capsys
):
    kernel = "bert/encoder/layer_1/output/dense/kernel"
    rewritten(model, lambda name, v: np.full_like(v, number) if name == kernel else v)
    line = refusal(capsys, small_files, model, two_questions, tmp_path)
    assert "--output_dir" in line
    assert kernel in line
    start = dict(do_train=True, init_checkpoint=model / LAST)
    assert small.run(small_files, tmp_path / "new", **start) == 2
    line = said(capsys)[-1]
    assert "--init_checkpoint" in line
    assert kernel in line


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_numbers_of_other_sizes_are_refused(
    kind, model, small_files, two_questions, tmp_path, capsys
):
    rewritten(model, lambda name, v: v.astype(kind) if v.dtype == np.float32 else v)
    assert kind.__name__ in refusal(capsys, small_files, model, two_questions, tmp_path)
    start = dict(do_train=True, init_checkpoint=model / LAST)
    assert small.run(small_files, tmp_path / "new", **start) == 2
    line = said(capsys)[-1]
    assert "--init_checkpoint" in line
    assert kind.__name__ in line


def test_one_number_among_many_is_found(model, small_files, two_questions, tmp_path, capsys):
    def change(name, value):
        if name == "bert/embeddings/word_embeddings":
            value[-1, -1] = np.nan
        return value

    rewritten(model, change)
    line = refusal(capsys, small_files, model, two_questions, tmp_path)
    assert "bert/embeddings/word_embeddings" in line


def test_bytes_that_changed_are_found(model, small_files, two_questions, tmp_path, capsys):
    path = model / (LAST + DATA)
    content = bytearray(path.read_bytes())
    # Of every model's variables; what the optimizer keeps is not read for decoding.
    index = tf.train.load_checkpoint(str(model / LAST))
    value = index.get_tensor("bert/encoder/layer_0/output/dense/kernel").tobytes()
    content[content.index(value) + 5] ^= 0x10
    path.write_bytes(bytes(content))
    line = refusal(capsys, small_files, model, two_questions, tmp_path)
    assert "damaged" in line
    assert str(model / LAST) in line


PREFIXES = {
    "module": lambda name: "module/" + name,
    "model": lambda name: "model/" + name,
    "twice": lambda name: name.replace("bert/", "bert/bert/"),
    "none": lambda name: name.replace("bert/", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("prefix", sorted(PREFIXES))
def test_training_starts_from_a_model_that_was_part_of_another(
    prefix, model, small_files, two_questions, tmp_path, capsys
):
    kernel = "bert/encoder/layer_1/output/dense/kernel"
    expected = weights_of(model / LAST, kernel)
    rewritten(model, lambda name, value: (PREFIXES[prefix](name), value))
    line = refusal(capsys, small_files, model, two_questions, tmp_path)
    assert "bert/embeddings/LayerNorm/beta" in line  # what a reader has
    assert PREFIXES[prefix]("bert/embeddings/LayerNorm/beta") in line  # what it has
    new = tmp_path / "new"
    more = dict(do_train=True, init_checkpoint=model / LAST, learning_rate=0)
    assert small.run(small_files, new, **more) == 0
    assert "39 of the model's 39 variables" in capsys.readouterr().err
    np.testing.assert_array_equal(weights_of(new / LAST, kernel), expected)


@pytest.mark.parametrize("form", ["%s", "%s.index", "%s.data-00000-of-00001", "folder", "note"])
def test_the_checkpoint_to_start_from_may_be_named_by_its_files_or_its_folder(
    form, small_model, small_files, tmp_path, jobs, capsys
):
    names = {"folder": small_model, "note": small_model / "checkpoint"}
    name = names[form] if form in names else form % (small_model / LAST)
    more = dict(do_train=True, init_checkpoint=name)
    assert small.run(small_files, tmp_path / "new", **more) == 0
    assert "From %s: 39 of" % (small_model / LAST) in capsys.readouterr().err
    (job,) = jobs
    assert job.start == str(small_model / LAST)
    assert len(job.names) == 39


@pytest.mark.parametrize(
    "name, part",
    [
        ("model.ckpt-99", "there are model.ckpt-0, %s, %s" % (LAST, BEFORE)),
        ("model.safetensors", "convert_checkpoint.py"),
        ("hub", "in the folder {folder}/hub; pytorch_model.bin is of a model in another form"),
        ("none/model.ckpt", "give the name without its ending"),
    ],
)
def test_a_checkpoint_to_start_from_that_is_not_there(name, part, model, small_files, capsys):
    (model / "model.safetensors").write_bytes(b"x")
    (model / "hub").mkdir()
    (model / "hub" / "pytorch_model.bin").write_bytes(b"x")
    flags = dict(do_train=True, init_checkpoint=model / name)
    assert small.run(small_files, model.parent / "new", **flags) == 2
    (line,) = said(capsys)
    assert "--init_checkpoint" in line
    assert part.format(folder=model) in line
