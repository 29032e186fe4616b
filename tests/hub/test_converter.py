"""ELECTRA, erf GELU and convert_checkpoint.py: against a plain numpy reader, and there and back."""

import json
import math

import numpy as np
import pytest
import safetensors.numpy
import tensorflow.compat.v1 as tf

import convert_checkpoint
import modeling
from common.configuration import BertConfig
from hub import architectures, weights
from tests.support import small
from tests.support.hub_files import (
    bert_config,
    electra_config,
    rewrite,
    tensors_of,
    write_directory,
)
from zones.batch import Batch
from zones.reader import Reader

tf.disable_v2_behavior()

_erf = np.vectorize(math.erf)


def naive_logits(tensors, config, ids, segments):
    """The reader for one window without padding, ``[T]`` -> ``[T, 2]``, in float64."""
    weights = {name: array.astype(np.float64) for name, array in tensors.items()}
    scope = config["model_type"] + "."

    def dense(x, name):
        return x @ weights[scope + name + ".weight"].T + weights[scope + name + ".bias"]

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        name = scope + name + ".LayerNorm."
        return x * weights[name + "weight"] + weights[name + "bias"]

    table = scope + "embeddings.%s_embeddings.weight"
    x = weights[table % "word"][ids] + weights[table % "token_type"][segments]
    x = norm(x + weights[table % "position"][: len(ids)], "embeddings")
    if scope + "embeddings_project.weight" in weights:
        x = dense(x, "embeddings_project")
    size = config["hidden_size"] // config["num_attention_heads"]
    for number in range(config["num_hidden_layers"]):
        layer = "encoder.layer.%d." % number
        query, key, value = (
            dense(x, layer + "attention.self." + n) for n in ("query", "key", "value")
        )
        heads = []
        for head in range(config["num_attention_heads"]):
            part = slice(head * size, (head + 1) * size)
            shares = np.exp(query[:, part] @ key[:, part].T / np.sqrt(size))
            heads.append(shares / shares.sum(-1, keepdims=True) @ value[:, part])
        context = dense(np.concatenate(heads, -1), layer + "attention.output.dense")
        x = norm(context + x, layer + "attention.output")
        up = dense(x, layer + "intermediate.dense")
        up = up * 0.5 * (1 + _erf(up / np.sqrt(2)))
        x = norm(dense(up, layer + "output.dense") + x, layer + "output")
    return x @ weights["qa_outputs.weight"].T + weights["qa_outputs.bias"]


def convert(*argv):
    return small.status_of(convert_checkpoint.main, [str(argument) for argument in argv])


@pytest.fixture(params=[bert_config, electra_config], ids=["bert", "electra"])
def converted(request, tmp_path, small_files):
    """(Hugging Face directory, its config, its tensors, what convert_checkpoint.py made)."""
    config = request.param()
    tensors = tensors_of(config)
    source = write_directory(tmp_path / "hf", config, tensors, small_files.vocab)
    assert convert(source, tmp_path / "tf") == 0
    return source, config, tensors, tmp_path / "tf"


def test_logits_are_those_of_a_plain_reader(converted):
    _, config, tensors, out = converted
    ours = BertConfig.from_file(str(out / "bert_config.json"))
    assert ours.hidden_act == "gelu_erf"
    rng = np.random.RandomState(1)
    ids = rng.randint(0, config["vocab_size"], [1, 40]).astype(np.int32)
    segments = (np.arange(40) > 12).astype(np.int32)[np.newaxis]
    with tf.Graph().as_default(), tf.Session() as session:
        reader = Reader(ours)
        batch = Batch(*map(tf.constant, (ids, ids * 0 + 1, segments, ids * 0)))
        logits = reader.read(batch)
        tf.train.Saver(tf.trainable_variables()).restore(session, str(out / "bert_model.ckpt"))
        found = session.run(logits)[0]
    assert np.abs(found - naive_logits(tensors, config, ids[0], segments[0])).max() < 2e-4


@pytest.mark.parametrize(
    "converted",
    [pytest.param(bert_config, id="bert", marks=pytest.mark.slow), electra_config],
    ids=["bert", "electra"],
    indirect=True,
)
def test_training_sweep_and_back(converted, small_files, tmp_path):
    """A rate of 0 leaves the weights, so that they must come back exactly."""
    _, config, tensors, out = converted
    small_files = type(small_files)(**vars(small_files))
    small_files.config = out / "bert_config.json"
    more = {"init_checkpoint": out / "bert_model.ckpt", "learning_rate": 0, "num_train_epochs": 1}
    model = tmp_path / "model"
    more.update(do_train=True, train_batch_size=24)
    sweep = config["model_type"] == "electra"  # other tests sweep with BERT
    assert small.run(small_files, model, do_sweep=sweep, **more) == 0
    cells = 5 * config["num_hidden_layers"] if sweep else 0
    assert len(list(model.glob("predictions_layer*.json"))) == cells
    names = ["--bert_config_file", small_files.config, "--vocab_file", small_files.vocab]
    assert convert("--to-safetensors", model, tmp_path / "back", *names) == 0
    back = safetensors.numpy.load((tmp_path / "back" / "model.safetensors").read_bytes())
    assert set(back) == set(tensors)
    assert all(np.array_equal(back[name], tensors[name]) for name in tensors)
    theirs = json.loads((tmp_path / "back" / "config.json").read_text())
    assert {key: theirs[key] for key in config} == config
    assert (tmp_path / "back" / "vocab.txt").read_bytes() == small_files.vocab.read_bytes()


@pytest.mark.parametrize("kind", ["bert", "electra"])
@pytest.mark.parametrize(
    "theirs, is_erf", [("gelu", True), ("gelu_new", False), ("gelu_pytorch_tanh", False)]
)
def test_the_two_gelus_are_not_mixed_up(kind, theirs, is_erf):
    config = electra_config(model_type=kind, hidden_act=theirs)
    ours = architectures.our_config(config, "config.json")
    with tf.Graph().as_default(), tf.Session() as session:
        found = session.run(modeling.ACTIVATIONS[ours.activation](tf.constant(2.0)))
    # 2 Phi(2), and the tanh formula at 2.
    assert found == pytest.approx(1.9544997 if is_erf else 1.9545977, abs=2e-6)
    back = architectures.their_config(ours)["hidden_act"]
    assert (back == "gelu") == is_erf


@pytest.fixture
def source(tmp_path, small_files):
    config = bert_config()
    return write_directory(tmp_path / "hf", config, tensors_of(config), small_files.vocab)


def test_half_precision_and_what_is_not_needed(source, tmp_path, capsys):
    def change(tensors):
        for name in list(tensors):
            tensors[name] = tensors[name].astype(np.float16)
        tensors["bert.pooler.dense.bias"] = np.zeros(3, np.float32)
        tensors["bert.embeddings.position_ids"] = np.arange(3)

    rewrite(source, change)
    assert convert(source, tmp_path / "tf") == 0
    said = capsys.readouterr().err
    assert "embeddings.position_ids, pooler.dense.bias" in said
    assert "DO_LOWER_CASE=False" in said
    stored = tf.train.load_variable(
        str(tmp_path / "tf" / "bert_model.ckpt"), "cls/squad/output_bias"
    )
    expected = tensors_of(bert_config())["qa_outputs.bias"].astype(np.float16)
    assert stored.dtype == np.float32 and np.array_equal(stored, expected.astype(np.float32))


def test_bfloat16():
    tensor = weights.StoredTensor("f", "BF16", (3,), b"\x80\x3f\x20\xc0\x00\x00")
    assert tensor.array("x").tolist() == [1.0, -2.5, 0.0]


def test_another_type_of_model_is_refused(converted, small_files, tmp_path, capsys):
    _, config, _, out = converted
    path = out / "bert_config.json"
    values = json.loads(path.read_text())
    values["model_type"] = {"bert": "electra", "electra": "bert"}[config["model_type"]]
    values.pop("embedding_size", None)
    path.write_text(json.dumps(values))
    more = {"bert_config_file": path, "init_checkpoint": out / "bert_model.ckpt", "do_train": True}
    assert small.run(small_files, tmp_path / "model", **more) == 2
    said = capsys.readouterr().err
    assert 'is of model_type "%s"' % config["model_type"] in said
