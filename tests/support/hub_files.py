"""Small directories of readers as ``save_pretrained`` writes them, spelled out from its layout."""

import json

import numpy as np
import safetensors.numpy

from tests.support import small


def electra_config(**more):
    """ELECTRA-small's shape, with few layers and words."""
    values = {
        "model_type": "electra",
        "vocab_size": small.CONFIG["vocab_size"],
        "hidden_size": 256,
        "embedding_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 1024,
        "max_position_embeddings": 64,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
    }
    values.update(more)
    return values


def bert_config():
    values = electra_config(model_type="bert", hidden_size=32, intermediate_size=48)
    del values["embedding_size"]
    return values


def tensors_of(config, seed=0):
    """Random tensors as Hugging Face names and turns them, spelled out from its layout."""
    rng = np.random.RandomState(seed)
    scope, hidden = config["model_type"], config["hidden_size"]
    width, inner = config.get("embedding_size", hidden), config["intermediate_size"]
    tensors = {}

    def add(name, *shape):
        tensors[scope + "." + name] = (rng.randn(*shape) * 0.1).astype(np.float32)

    def dense(name, size_in, size_out):
        add(name + ".weight", size_out, size_in)
        add(name + ".bias", size_out)

    def norm(name, size):
        add(name + ".LayerNorm.weight", size)
        add(name + ".LayerNorm.bias", size)
        tensors["%s.%s.LayerNorm.weight" % (scope, name)] += 1

    add("embeddings.word_embeddings.weight", config["vocab_size"], width)
    add("embeddings.position_embeddings.weight", config["max_position_embeddings"], width)
    add("embeddings.token_type_embeddings.weight", 2, width)
    norm("embeddings", width)
    if width != hidden:
        dense("embeddings_project", width, hidden)
    for number in range(config["num_hidden_layers"]):
        layer = "encoder.layer.%d." % number
        for name in ("query", "key", "value"):
            dense(layer + "attention.self." + name, hidden, hidden)
        dense(layer + "attention.output.dense", hidden, hidden)
        norm(layer + "attention.output", hidden)
        dense(layer + "intermediate.dense", hidden, inner)
        dense(layer + "output.dense", inner, hidden)
        norm(layer + "output", hidden)
    tensors["qa_outputs.weight"] = rng.randn(2, hidden).astype(np.float32)
    tensors["qa_outputs.bias"] = rng.randn(2).astype(np.float32)
    return tensors


def write_directory(folder, config, tensors, vocab):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text(vocab.read_text())
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    (folder / "model.safetensors").write_bytes(safetensors.numpy.save(tensors))
    return folder


def rewrite(source, change):
    path = source / "model.safetensors"
    tensors = safetensors.numpy.load(path.read_bytes())
    change(tensors)
    path.write_bytes(safetensors.numpy.save(tensors))


def library_tokenizer(size):
    """A ``tokenizer.json`` of byte-level BPE with this many pieces, as a dict."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)] + ["\u0120"]
    pieces = (special + letters + ["\u0120" + letter for letter in "abcdefghijkl"])[:size]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    shared = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            dict(shared, id=number, content=piece, special=True)
            for number, piece in enumerate(special)
        ],
        "normalizer": None,
        "pre_tokenizer": dict(byte_level, use_regex=True),
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["</s>", 2],
            "cls": ["<s>", 0],
            "trim_offsets": True,
            "add_prefix_space": False,
        },
        "decoder": dict(byte_level, use_regex=True),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "vocab": {piece: number for number, piece in enumerate(pieces)},
            "merges": [
                "\u0120 " + piece[1] for piece in pieces if piece[0] == "\u0120" and piece[1:]
            ],
        },
    }
