"""convert_checkpoint.py with random damage to a hub directory: right files, or one line."""

import json
import shutil
import struct

import numpy as np
import pytest
import safetensors.numpy
import tensorflow.compat.v1 as tf
from hypothesis import strategies as st

import convert_checkpoint
from common.configuration import BertConfig
from hub import tokenizers
from running import checkpoints
from tests.support import small
from tests.support.fuzz import damaged, files_after, fuzzed, mutated, run
from tests.support.hub_files import bert_config, library_tokenizer, tensors_of

VOCABULARY = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *small.WORDS]).encode() + b"\n"
CONFIG = dict(bert_config(), hidden_size=8, intermediate_size=12, num_attention_heads=2)
CONFIG.update(max_position_embeddings=16, pad_token_id=0, architectures=["BertModel"])
SETTINGS = {"do_lower_case": False, "strip_accents": None, "tokenize_chinese_chars": True}
WEIGHTS = safetensors.numpy.save(tensors_of(CONFIG), metadata={"format": "pt"})


def as_json(value):
    return json.dumps(value).encode()


GOOD = {
    "config.json": as_json(CONFIG),
    "model.safetensors": WEIGHTS,
    "vocab.txt": VOCABULARY,
    "tokenizer_config.json": as_json(SETTINGS),
    "tokenizer.json": as_json(library_tokenizer(CONFIG["vocab_size"])),
}


@st.composite
def directories(draw):
    """dict name -> bytes of a file, most of them as they should be."""
    files = dict(GOOD)
    # With a tokenizer.json for the library, or without.
    if draw(st.booleans()):
        del files["tokenizer.json"]
    for name in draw(st.sets(st.sampled_from(sorted(files)), min_size=1, max_size=2)):
        if name == "model.safetensors":
            files[name] = draw(weights())
        elif name == "vocab.txt":
            files[name] = damaged(draw, VOCABULARY)
        else:
            files[name] = draw(files_after([json.loads(files[name].decode())]))
    if draw(st.integers(0, 9)) == 0:
        del files[draw(st.sampled_from(sorted(files)))]
    return files


@st.composite
def weights(draw):
    """A safetensors file with its header changed, or some of its bytes."""
    (length,) = struct.unpack("<Q", WEIGHTS[:8])
    header, data = WEIGHTS[8 : 8 + length], WEIGHTS[8 + length :]
    if draw(st.booleans()):
        header = as_json(mutated(draw, json.loads(header.decode())))
        return struct.pack("<Q", len(header)) + header + data
    flipped = bytearray(WEIGHTS)
    for _ in range(draw(st.integers(1, 4))):
        flipped[draw(st.integers(0, len(WEIGHTS) - 1))] = draw(st.integers(0, 255))
    return bytes(flipped[: draw(st.sampled_from([None, None, len(WEIGHTS) // 2, 8, 3]))])


def check(folder, files):
    source, out = folder / "fuzzed_hub", folder / "fuzzed_out"
    for place in (source, out):
        shutil.rmtree(str(place), ignore_errors=True)
    source.mkdir()
    for name, content in files.items():
        (source / name).write_bytes(content)
    status, printed, said = run(convert_checkpoint.main, str(source), str(out))
    assert printed == "" and "Traceback" not in said
    if status == 0:
        check_reader(out)
    else:
        assert status == 2
        assert "DIR" in said.splitlines()[-1]
        assert not out.exists() or not list(out.iterdir())


def check_reader(out):
    """What decoding asks of a folder: a configuration, all weights, numbers, a vocabulary."""
    config = BertConfig.from_file(str(out / "bert_config.json"))
    stored = tf.train.load_checkpoint(str(out / "bert_model.ckpt"))
    shapes = stored.get_variable_to_shape_map()
    for name, shape in checkpoints.model_shapes(config).items():
        assert shapes[name] == shape
        assert np.isfinite(stored.get_tensor(name)).all()
    (vocabulary,) = [out / n for n in ("vocab.txt", "tokenizer.json") if (out / n).exists()]
    tokenizer = tokenizers.load(vocabulary, do_lower_case=False)
    assert max(tokenizer.vocabulary.values()) < config.vocab_size


test_whatever_comes_is_a_reader_or_one_line = fuzzed(directories(), check, 15)
test_whatever_comes_is_a_reader_or_one_line_long = pytest.mark.slow(
    fuzzed(directories(), check, 200)
)
