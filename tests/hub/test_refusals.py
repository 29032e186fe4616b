"""What convert_checkpoint.py says to directories that it cannot read, and to odd ones."""

import json
import shutil

import numpy as np
import pytest
import safetensors.numpy

import convert_checkpoint
from hub import tokenizer_files, tokenizers
from tests.support import small
from tests.support.hub_files import (
    bert_config,
    library_tokenizer,
    rewrite,
    tensors_of,
    write_directory,
)
from tests.support.refusals import refusal

ENCODER = "bert.encoder.layer.1.output.dense"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.fixture(scope="module")
def model(small_files, tmp_path_factory):
    """A directory of a BERT reader. Only to be read."""
    config = bert_config()
    folder = tmp_path_factory.mktemp("hub") / "model"
    return write_directory(folder, config, tensors_of(config), small_files.vocab)


@pytest.fixture
def source(model, tmp_path):
    return shutil.copytree(str(model), str(tmp_path / "hf")) and tmp_path / "hf"


def configure(source, **changes):
    """Changes config.json; a value of ... takes the key away."""
    path = source / "config.json"
    values = dict(json.loads(path.read_text()), **changes)
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not ...}))


def files_in(out):
    return [path for path in out.rglob("*") if path.is_file()] if out.exists() else []


# Configurations ---------------------------------------------------------------------------------

CONFIGS = {
    "a list as activation": (dict(hidden_act=["gelu"]), ["hidden_act", "['gelu']"]),
    "an unknown activation": (dict(hidden_act="swish"), ["hidden_act", "swish", "gelu_new"]),
    "a text as size": (dict(hidden_size="32"), ["hidden_size", "'32'"]),
    "null as size": (dict(hidden_size=None), ["hidden_size", "None"]),
    "no heads": (dict(num_attention_heads=0), ["num_attention_heads", "0"]),
    "heads that do not divide": (dict(num_attention_heads=5), ["num_attention_heads 5"]),
    "no vocab_size": (dict(vocab_size=...), ["no vocab_size"]),
    "no layers": (dict(num_hidden_layers=...), ["no num_hidden_layers"]),
    "a billion layers": (dict(num_hidden_layers=10**9), ["num_hidden_layers"]),
    "a truth value as size": (dict(intermediate_size=True), ["intermediate_size", "True"]),
    "another architecture": (dict(model_type="t5"), ["'t5'", "roberta"]),
    "no architecture": (dict(model_type=..., architectures=...), ["model_type None"]),
    "a list as architecture": (dict(model_type=["bert"]), ["['bert']"]),
    "relative positions": (dict(position_embedding_type="relative_key"), ["relative_key"]),
    "a decoder": (dict(is_decoder=True), ["is_decoder"]),
    "pruned heads": (dict(pruned_heads={"0": [1]}), ["pruned_heads"]),
    "quantized": (dict(quantization_config={"bits": 4}), ["quantization_config"]),
    "another shape": (dict(intermediate_size=50), ["intermediate", "shape", "config.json"]),
    "more layers": (dict(num_hidden_layers=3), ["lacks 16 tensors", "encoder.layer.2"]),
    "fewer layers": (dict(num_hidden_layers=1), ["16 tensors", "no place", "encoder.layer.1"]),
    "one segment": (dict(type_vocab_size=1), ["type_vocab_size 1"]),
    "padding outside": (dict(pad_token_id=99), ["pad_token_id 99"]),
    "no padding to count positions from": (
        dict(model_type="roberta", pad_token_id=None),
        ["pad_token_id = None"],
    ),
    "positions from a token of every window": (
        dict(model_type="roberta", pad_token_id=2),
        ["pad_token_id 2", "stands in every window"],
    ),
    "fewer rows than entries": (dict(vocab_size=9), ["44 entries", "the 9"]),
}


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a_configuration_is_refused_with_its_key(name, source, tmp_path, capsys):
    changes, parts = CONFIGS[name]
    configure(source, **changes)
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")
    assert all(part in line for part in parts), line
    assert not files_in(tmp_path / "out")


@pytest.mark.parametrize("content", ["[]", "7", "{", "", POINTER, "<!DOCTYPE html><html></html>"])
def test_what_is_no_configuration_is_refused(content, source, tmp_path, capsys):
    (source / "config.json").write_text(content)
    assert "config.json" in refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")


def test_code_of_the_models_own_is_warned_of(source, tmp_path, capsys):
    configure(source, auto_map={"AutoModel": "modeling_own.OwnModel"})
    assert small.status_of(convert_checkpoint.main, [str(source), str(tmp_path / "out")]) == 0
    assert "auto_map), which is not run here" in capsys.readouterr().err


def test_old_files_name_the_class_only(source, tmp_path):
    configure(source, model_type=..., architectures=["BertForQuestionAnswering"])
    assert small.status_of(convert_checkpoint.main, [str(source), str(tmp_path / "out")]) == 0


# Tensors ----------------------------------------------------------------------------------------


def a_hole(tensors):
    del tensors[ENCODER + ".bias"]


def an_odd_one(tensors):
    tensors["odd"] = np.zeros(3, np.float32)


def half_a_head(tensors):
    del tensors["qa_outputs.bias"]


def not_a_number(tensors):
    tensors[ENCODER + ".weight"][3, 4] = np.nan


def beyond_measure(tensors):
    tensors[ENCODER + ".weight"][:] = 1e38


def under_two_names(tensors):
    tensors["encoder.layer.1.output.dense.bias"] = tensors[ENCODER + ".bias"]
    tensors[ENCODER + ".bias"] = tensors[ENCODER + ".bias"] + 1


def old_and_new_name(tensors):
    tensors["bert.embeddings.LayerNorm.gamma"] = tensors["bert.embeddings.LayerNorm.weight"]


def whole_numbers(tensors):
    tensors[ENCODER + ".weight"] = tensors[ENCODER + ".weight"].astype(np.int8)


def of_something_else(tensors):
    tensors.clear()
    tensors["decoder.block.0.weight"] = np.zeros([2, 2], np.float32)


def a_head_of_three(tensors):
    tensors["qa_outputs.weight"] = np.zeros([3, 32], np.float32)


def an_adapter_beside_each_layer(tensors):
    name = ENCODER.replace("output.dense", "attention.self.query")
    tensors[name + ".base_layer.weight"] = tensors.pop(name + ".weight")
    tensors[name + ".lora_A.default.weight"] = np.zeros([2, 32], np.float32)


def two_encoders(tensors):
    for name in [name for name in tensors if name.startswith("bert.")]:
        tensors["teacher." + name] = tensors["student." + name] = tensors.pop(name)


TENSORS = {
    a_hole: ["lacks 1 tensor of the encoder", "encoder.layer.1.output.dense.bias"],
    an_odd_one: ["1 tensor that", "odd"],
    half_a_head: ["span head", "qa_outputs.bias"],
    not_a_number: [ENCODER + ".weight", "NaN", "1 of"],
    beyond_measure: [ENCODER + ".weight", "beyond"],
    under_two_names: ["two names", ENCODER + ".bias"],
    old_and_new_name: ["two names", "LayerNorm"],
    whole_numbers: [ENCODER + ".weight", "I8"],
    a_head_of_three: ["qa_outputs.weight", "[3, 32]", "a span head has [2, 32]"],
    an_adapter_beside_each_layer: ["adapter", "merge_and_unload"],
    of_something_else: ["word_embeddings", "decoder.block.0.weight"],
    two_encoders: ["teacher.bert", "student.bert"],
}


@pytest.mark.parametrize("change", list(TENSORS), ids=lambda change: change.__name__)
def test_tensors_that_will_not_do_are_named(change, source, tmp_path, capsys):
    rewrite(source, change)
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")
    assert all(part in line for part in TENSORS[change]), line
    assert not files_in(tmp_path / "out")


@pytest.mark.parametrize("prefix", ["module.", "model.", "bert.", "model.module."])
def test_prefixes_are_left_off(prefix, source, tmp_path, capsys):
    def change(tensors):
        for name in list(tensors):
            tensors[prefix + name] = tensors.pop(name)

    rewrite(source, change)
    assert small.status_of(convert_checkpoint.main, [str(source), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert "Taken: 39 of the file's 39" in said and prefix in said
    assert (tmp_path / "out" / "checkpoint").exists()


def test_parts_that_a_reader_does_without_are_listed(source, tmp_path, capsys):
    names = (
        "bert.pooler.dense.weight cls.predictions.bias bert.embeddings.position_ids "
        "optimizer.state.0.exp_avg lm_head.bias"
    ).split()
    rewrite(source, lambda tensors: tensors.update({name: np.zeros(3) for name in names}))
    (source / "optimizer.pt").write_bytes(b"x")
    assert small.status_of(convert_checkpoint.main, [str(source), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert all(name.replace("bert.", "", 1) in said for name in names + ["optimizer.pt"])


# Files ------------------------------------------------------------------------------------------


def leave_only(source, name, content=b"x"):
    """Puts another file in the place of the weights."""
    (source / "model.safetensors").unlink()
    (source / name).write_bytes(content)


FILES = {
    "tf_model.h5": ["tf_model.h5", "from_tf"],
    "flax_model.msgpack": ["flax_model.msgpack"],
    "tf_model-00001-of-00002.h5": ["tf_model-00001-of-00002.h5", "from_tf"],
    "adapter_model.safetensors": ["adapter", "merge_and_unload"],
    "bert_model.ckpt.index": ["TensorFlow checkpoint", "--init_checkpoint"],
    "model.onnx": ["model.onnx"],
    "weights.safetensors": ["weights.safetensors", "rename"],
    "readme.txt": ["no model.safetensors"],
    "pytorch_model.bin": ["pytorch_model.bin", "torch", "save_pretrained"],
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_lies_in_the_place_of_weights_is_named(name, source, tmp_path, capsys):
    leave_only(source, name)
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")
    assert all(part in line for part in FILES[name]), line


def test_shards_of_torch_are_named(source, tmp_path, capsys):
    shard = "pytorch_model-00001-of-00002.bin"
    index = json.dumps({"weight_map": {"a": shard}}).encode()
    leave_only(source, "pytorch_model.bin.index.json", index)
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")
    assert shard + ", which is not beside it" in line
    (source / shard).write_bytes(b"x")
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")
    assert shard in line and "torch" in line


@pytest.mark.parametrize(
    "content, part",
    [
        (POINTER.encode(), "Git LFS"),
        (b"<html>", "HTML"),
        (b"", "empty"),
        (b"\x10" * 99, "whole"),
        (None, "whole"),  # cut short
    ],
)
def test_damaged_weights_are_named(content, part, source, tmp_path, capsys):
    path = source / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    assert part in refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")


def in_shards(source):
    """Parts the weights as save_pretrained does; returns the index."""
    path = source / "model.safetensors"
    tensors = safetensors.numpy.load(path.read_bytes())
    path.unlink()
    places = {}
    for number, name in enumerate(sorted(tensors)):
        places[name] = "model-%05d-of-00002.safetensors" % (1 + number % 2)
    for shard in set(places.values()):
        part = {name: tensors[name] for name, place in places.items() if place == shard}
        (source / shard).write_bytes(safetensors.numpy.save(part))
    index = source / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return index


def test_shards_are_put_together(source, model, tmp_path, capsys):
    in_shards(source)
    out = [str(tmp_path / "shards"), str(tmp_path / "whole")]
    assert small.status_of(convert_checkpoint.main, [str(source), out[0]]) == 0
    assert small.status_of(convert_checkpoint.main, [str(model), out[1]]) == 0
    data = "bert_model.ckpt.data-00000-of-00001"
    assert len({(tmp_path / kind / data).read_bytes() for kind in ("shards", "whole")}) == 1


def test_a_missing_shard_is_named(source, tmp_path, capsys):
    in_shards(source)
    (source / "model-00002-of-00002.safetensors").unlink()
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")
    assert "model-00002-of-00002.safetensors" in line


def test_a_promise_that_a_shard_does_not_keep_is_named(source, tmp_path, capsys):
    index = in_shards(source)
    document = json.loads(index.read_text())
    document["weight_map"]["bert.more"] = "model-00001-of-00002.safetensors"
    index.write_text(json.dumps(document))
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")
    assert "lacks bert.more" in line


def test_a_shard_outside_the_directory_is_not_read(source, tmp_path, capsys):
    index = in_shards(source)
    text = index.read_text().replace("model-00001", "../model-00001")
    index.write_text(text)
    assert "../model-00001" in refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")


def test_a_variant_is_read_and_several_are_not(source, tmp_path, capsys):
    (source / "model.safetensors").rename(source / "model.fp16.safetensors")
    assert small.status_of(convert_checkpoint.main, [str(source), str(tmp_path / "out")]) == 0
    assert "model.fp16.safetensors" in capsys.readouterr().err
    shutil.copy(str(source / "model.fp16.safetensors"), str(source / "model.bf16.safetensors"))
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "more")
    assert "several variants" in line


@pytest.mark.parametrize("place", ["checkpoint-500", "snapshots/0a1b"])
def test_a_model_further_down_is_named(place, source, tmp_path, capsys):
    """A trainer's folder, and the hub's cache."""
    inside = tmp_path / "outer" / place
    shutil.copytree(str(source), str(inside))
    line = refusal(capsys, convert_checkpoint.main, tmp_path / "outer", tmp_path / "out")
    assert line.endswith("has no model.safetensors; name %s" % inside)


def test_a_file_in_the_place_of_a_directory_is_named(source, tmp_path, capsys):
    line = refusal(capsys, convert_checkpoint.main, source / "config.json", tmp_path / "out")
    assert "config.json is a file; name the directory that it is in" in line


def test_a_checkpoint_in_place_of_its_folder_is_named(small_model, tmp_path, capsys):
    path = small_model / "model.ckpt-1"
    line = refusal(capsys, convert_checkpoint.main, "--to-safetensors", path, tmp_path / "out")
    assert "OUTPUT_DIR: there is no directory %s; name the one" % path in line


@pytest.mark.parametrize("flag", ["vocab_file", "bert_config_file", "do_lower_case"])
def test_what_is_for_the_way_back_is_refused_on_the_way_here(flag, source, tmp_path, capsys):
    argv = [source, tmp_path / "out", "--" + flag, "True"]
    line = refusal(capsys, convert_checkpoint.main, *argv)
    assert "--%s is for --to-safetensors" % flag in line


@pytest.mark.parametrize("flags", [[], ["--to-safetensors"]])
def test_nothing_is_written_beside_what_is_read(flags, source, capsys):
    before = sorted(path.name for path in source.iterdir())
    line = refusal(capsys, convert_checkpoint.main, *flags, source, str(source) + "/.")
    assert "OUT: " in line
    assert sorted(path.name for path in source.iterdir()) == before


def test_a_name_of_the_hub_is_no_directory(tmp_path, capsys):
    line = refusal(capsys, convert_checkpoint.main, "deepset/bert-base", tmp_path / "out")
    assert "no directory" in line and "download" in line


def test_a_trained_model_is_not_overwritten(model, small_model, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(str(small_model), str(out))
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert small.status_of(convert_checkpoint.main, [str(model), str(out)]) == 2
    assert "OUT" in capsys.readouterr().err.splitlines()[-1]
    assert before == {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}


# Tokenizers -------------------------------------------------------------------------------------


def test_a_case_that_cannot_be_is_named(source, tmp_path, capsys, shared):
    """Where the settings of the tokenizer contradict its vocabulary."""
    vocabulary = (shared / "data" / "bert-base-cased-vocab.txt").read_text("utf-8")
    (source / "vocab.txt").write_text(vocabulary, "utf-8")
    configure(source, vocab_size=28996)
    (source / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")
    assert "DIR: tokenizer_config.json says do_lower_case = True, but the vocabulary is" in line


def word_pieces(pieces):
    """A ``tokenizer.json`` of WordPiece, as a dict."""
    special = [["[CLS]", 0], ["[SEP]", 0], ["[SEP]", 1]]
    first, between, last = ({"SpecialToken": {"id": t, "type_id": n}} for t, n in special)
    texts = [{"Sequence": {"id": part, "type_id": n}} for n, part in enumerate("AB")]
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": False,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [first, texts[0], between],
            "pair": [first, texts[0], between, texts[1], last],
            "special_tokens": {
                piece: {"id": piece, "ids": [pieces.index(piece)], "tokens": [piece]}
                for piece in ("[CLS]", "[SEP]")
            },
        },
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: number for number, piece in enumerate(pieces)},
        },
    }


ADDED = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)


@pytest.mark.parametrize(
    "change, text, expected",
    [
        (lambda d: d["added_tokens"].append(dict(ADDED, id=6, content="b-c")), "a b-cb", "a b-c b"),
        (lambda d: d["model"].update(max_input_chars_per_word=3), "aaa aaaa", "a ##a ##a [UNK]"),
        (lambda d: d["model"]["vocab"].update({"a\nb": 6, "c": 7}), "c", "c"),
    ],
    ids=["added token", "short words", "a line end in a piece"],
)
def test_what_a_list_of_pieces_does_not_say_is_done_by_the_library(
    change, text, expected, tmp_path
):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b"]
    document = word_pieces(pieces + ["##a"] if "##a" in expected else pieces)
    change(document)
    (tmp_path / "vocab.txt").write_text("\n".join(pieces))
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    found = tokenizer_files.read_tokenizer(str(tmp_path))
    assert found.name == "tokenizer.json" and found.special_ids == {2, 3}
    (tmp_path / "tokenizer.json").write_bytes(found.content)
    tokenizer = tokenizers.load(str(tmp_path / "tokenizer.json"), do_lower_case=None)
    assert tokenizer.tokenize(text) == expected.split(" ")


@pytest.mark.parametrize("is_wordpiece", [True, False])
@pytest.mark.parametrize("listed", ["added_tokens.json", "tokenizer_config.json"])
def test_tokens_added_to_an_older_form_are_warned_of(listed, is_wordpiece, tmp_path, capsys):
    write_older_form(tmp_path)
    if is_wordpiece:
        (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n")
        (tmp_path / "vocab.json").unlink()
    decoder = {str(n): {"content": token} for n, token in enumerate(["[PAD]", "<mask>", "x-ray"])}
    said = {"added_tokens_decoder": decoder} if listed.startswith("tokenizer") else {"x-ray": 9}
    (tmp_path / listed).write_text(json.dumps(said))
    tokenizer_files.read_tokenizer(str(tmp_path))
    warnings = [line for line in capsys.readouterr().err.splitlines() if "WARNING" in line]
    assert len(warnings) == 1 and "'x-ray', are not known here" in warnings[0]


def write_older_form(folder):
    """RoBERTa's vocab.json and merges.txt, with lines that end as on Windows; returns the newer."""
    document = library_tokenizer(111)
    (folder / "vocab.json").write_text(json.dumps(document["model"]["vocab"]))
    merges = ["#version: 0.2"] + document["model"]["merges"]
    (folder / "merges.txt").write_bytes("\r\n".join(merges + [""]).encode("utf-8"))
    return document


@pytest.mark.parametrize("is_newer", [True, False])
@pytest.mark.parametrize(
    "said, expected",
    [({}, "a \u0120b"), ({"add_prefix_space": True}, "\u0120a \u0120b")],
)
def test_a_space_before_each_text_is_put_as_the_settings_say(is_newer, said, expected, tmp_path):
    document = write_older_form(tmp_path)
    if is_newer:
        (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(said))
    content = tokenizer_files.read_tokenizer(str(tmp_path)).content
    (tmp_path / "tokenizer.json").write_bytes(content)
    tokenizer = tokenizers.load(str(tmp_path / "tokenizer.json"), do_lower_case=None)
    assert tokenizer.tokenize("a b") == expected.split(" ")


@pytest.mark.parametrize("other, warnings", [("\u2028", 0), ("##x", 1)])
def test_two_files_that_do_not_agree_are_named(other, warnings, source, tmp_path, capsys):
    """The Chinese vocabulary has an entry that is white space, which no text comes to."""
    pieces = (source / "vocab.txt").read_text("utf-8").split("\n")[:-2]
    (source / "vocab.txt").write_text("\n".join(pieces + ["\u2028"]) + "\n", "utf-8")
    (source / "tokenizer.json").write_text(json.dumps(word_pieces(pieces + [other])))
    assert small.status_of(convert_checkpoint.main, [str(source), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert said.count("do not agree") == warnings


def test_no_tokenizer_is_named(source, tmp_path, capsys):
    (source / "vocab.txt").unlink()
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")
    assert "neither vocab.txt nor tokenizer.json" in line


def test_an_older_form_of_tokenizer_is_named(source, tmp_path, capsys):
    (source / "vocab.txt").rename(source / "spiece.model")
    line = refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")
    assert "older form" in line and "save_pretrained" in line


def test_a_vocabulary_that_is_no_text_is_named(source, tmp_path, capsys):
    (source / "vocab.txt").write_text(POINTER)
    assert "LFS" in refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")


def with_added(value):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    return json.dumps(dict(word_pieces(pieces), added_tokens=value))


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        '{"model": {"type": "BPE", "vocab": {}}}',
        with_added("x"),
        with_added([{"content": "[PAD]"}]),
        with_added([{"id": [1], "content": "[MASK]"}]),
        with_added([]).replace('"unk_token": "[UNK]"', '"unk_token": "[unk]"'),
    ],
)
def test_a_file_that_the_library_cannot_read_is_named(content, source, tmp_path, capsys):
    (source / "tokenizer.json").write_text(content)
    assert "tokenizer.json" in refusal(capsys, convert_checkpoint.main, source, tmp_path / "out")


@pytest.mark.parametrize(
    "said, noted, warning",
    [
        ({"do_lower_case": False, "strip_accents": None}, {"do_lower_case": False}, None),
        ({"do_lower_case": True, "strip_accents": False}, {"strip_accents": False}, None),
        ({"tokenize_chinese_chars": False}, {"tokenize_chinese_chars": False}, None),
        ({"do_lower_case": "False"}, {"do_lower_case": False}, "do_lower_case"),
        ({"do_lower_case": "perhaps"}, {"do_lower_case": True}, "do_lower_case"),
        ({"word_tokenizer_type": "mecab"}, {}, "word_tokenizer_type"),
        ({"tokenizer_class": "BertJapaneseTokenizer"}, {}, "BertJapaneseTokenizer"),
        ({"tokenizer_class": "DistilBertTokenizerFast"}, {}, None),
        ({"never_split": ["Paris"]}, {}, "never_split"),
        ([], {"do_lower_case": True}, "no JSON object"),
    ],
)
def test_the_settings_of_the_tokenizer_are_noted(said, noted, warning, source, tmp_path, capsys):
    (source / "tokenizer_config.json").write_text(json.dumps(said))
    assert small.status_of(convert_checkpoint.main, [str(source), str(tmp_path / "out")]) == 0
    note = json.loads((tmp_path / "out" / "reader.json").read_text())["flags"]
    assert dict(note, **noted) == note
    warnings = [line for line in capsys.readouterr().err.splitlines() if "WARNING" in line]
    assert len(warnings) == (warning is not None)
    assert all(warning in line for line in warnings)


@pytest.mark.parametrize("flags, config", [([], "config"), (["--to-safetensors"], "bert_config")])
def test_swapped_arguments_are_recognised(flags, config, source, tmp_path, capsys):
    (source / "config.json").rename(source / (config + ".json"))
    line = refusal(capsys, convert_checkpoint.main, *flags, tmp_path / "out", source)
    assert "another order; write them as in: convert_checkpoint.py" in line
    assert line.endswith(" my-reader") and not (tmp_path / "out").exists()
