"""The tokenizer's files of a directory as ``save_pretrained`` writes them: read, and written."""

import json
from typing import NamedTuple, Optional, Set

import tokenization
from common import files, notes
from common.command_line import UserError
from common.progress import say
from hub.architectures import HUB_ARCHITECTURES
from hub.tokenizers import LIBRARY_FILE, VOCABULARY, LibraryTokenizer
from hub.weights import write_json

_SETTINGS, _SPECIAL = "tokenizer_config.json", "special_tokens_map.json"
_ADDED = "added_tokens.json"
_NEWER_FORM = (
    "where transformers is installed, write the newer form, tokenizer.json, with "
    "AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)"
)
# Of transformers, those that cut text as BERT's own code does.
_CLASSES = (None, "PreTrainedTokenizerFast", "TokenizersBackend") + tuple(
    kind + "Tokenizer" + ending
    for kind in ("Bert", "Electra", "DistilBert", "Auto", "MobileBert", "RetriBert")
    for ending in ("", "Fast")
)
# What WordPiece's and RoBERTa's vocabularies have of their own. Another token that was added is
# looked for in the text before it is cut, which the library does, and tokenization.py does not.
_NEEDED = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}
_USUAL_TOKENS = {*_NEEDED, "[MASK]"}
_ROBERTAS_TOKENS = {"<s>", "</s>", "<unk>", "<pad>", "<mask>"}


class ReaderTokenizer(NamedTuple):
    """What a reader of ours needs to know of its tokenizer.

    Attributes:
        name: the file that ``--vocab_file`` is to name: VOCABULARY or LIBRARY_FILE.
        content: its bytes.
        num_pieces: one more than the largest id.
        settings: flags of run_squad.py -> their values; empty for LIBRARY_FILE, which says all.
        special_ids: of the special tokens that every window has.
    """

    name: str
    content: bytes
    num_pieces: int
    settings: dict
    special_ids: Set[int]


def read_tokenizer(directory):
    """The tokenizer in DIR.

    Raises:
        UserError: there is none, or none that can be used here.
    """
    names = files.list_directory(directory, "DIR")
    path = files.join(directory, LIBRARY_FILE)
    document = files.read_json(path, "DIR") if LIBRARY_FILE in names else None
    said = _said(directory, names)
    if document is not None and not _is_berts(document, path):
        text = files.read_text(path, "DIR")
        return _of_library(_with_space_in_front(document, said) or text, path)
    if document is not None or VOCABULARY in names:
        if document is None:
            _tell_added(directory, names, said)
        return _of_word_pieces(directory, names, document, said)
    if {"vocab.json", "merges.txt"} <= set(names):
        _tell_added(directory, names, said)
        return _of_byte_pairs(directory, said)
    if any(name.endswith((".model", ".vocab", ".bpe.codes")) for name in names):
        raise UserError(
            "DIR: %s has its tokenizer in an older form only; %s" % (directory, _NEWER_FORM)
        )
    raise UserError(
        "DIR: %s has neither vocab.txt nor tokenizer.json; download the tokenizer's files, too"
        % directory
    )


def _said(directory, names):
    """What ``tokenizer_config.json`` says, a dict; empty if there is none."""
    said = files.read_json(files.join(directory, _SETTINGS), "DIR") if _SETTINGS in names else {}
    if not isinstance(said, dict):
        say("WARNING: %s holds no JSON object; it is passed over" % _SETTINGS)
        said = {}
    return said


def _tell_added(directory, names, said):
    """Warns of tokens that were added to a vocabulary in an older form."""
    listed = said.get("added_tokens_decoder")
    values = listed.values() if isinstance(listed, dict) else ()
    added = {str(value.get("content")) for value in values if isinstance(value, dict)}
    if not added and _ADDED in names:
        listed = files.read_json(files.join(directory, _ADDED), "DIR")
        added = set(listed) if isinstance(listed, dict) else set()
    added -= _USUAL_TOKENS | _ROBERTAS_TOKENS
    if added:
        say(
            "WARNING: the tokens that were added to the vocabulary, such as %r, are not known "
            "here, and answers may differ; %s" % (min(added), _NEWER_FORM)
        )


# WordPiece --------------------------------------------------------------------------------------


def _is_berts(document, path):
    """Whether a ``tokenizer.json`` says what tokenization.py does."""
    if notes.fault(document, {"model": {"vocab": (dict, list)}}):
        raise UserError("DIR: %s is not what the tokenizers library writes" % path)
    return notes.fault(document, _BERTS) is None and _in_order(document) is not None


_WORD_PIECES = {
    "vocab": {str: int},
    "unk_token": tokenization.UNKNOWN,
    "continuing_subword_prefix?": "##",
}
_BERTS = {
    # Files written before 2020 do not name the type; only WordPiece has the other setting.
    "model": (
        {"type": "WordPiece", "max_input_chars_per_word?": range(100, 101), **_WORD_PIECES},
        {"type?": "WordPiece", "max_input_chars_per_word": range(100, 101), **_WORD_PIECES},
    ),
    "normalizer": {"type": "BertNormalizer", "clean_text?": (True, None)},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "added_tokens?": ([{"content": str, "id": int}], None),
}


def _in_order(document):
    """The pieces in the order of their ids; None if a ``vocab.txt`` cannot hold them.

    An id or one of its special tokens may be missing, or a token may have been added that text is
    searched for.
    """
    vocabulary = dict(document["model"]["vocab"])
    for token in document.get("added_tokens") or []:
        if token["content"] not in _USUAL_TOKENS:
            return None
        vocabulary.setdefault(token["content"], token["id"])
    pieces = {number: piece for piece, number in vocabulary.items()}
    in_order = [pieces.get(number) for number in range(len(pieces))]
    if None in in_order or not _NEEDED.issubset(in_order):
        return None
    return None if any("\n" in piece for piece in in_order) else in_order


def _of_word_pieces(directory, names, document, said):
    path = files.join(directory, VOCABULARY)
    settings = _settings_of(said, document)
    if VOCABULARY in names:
        content = files.read_bytes(path, "DIR")
        vocabulary = tokenization.load_vocabulary(path, "DIR")
        if document is not None:
            others = {
                piece for number, piece in enumerate(_in_order(document))
                # The Chinese vocabulary has an entry that is white space, which no text comes to.
                if vocabulary.get(piece) != number and piece == piece.strip()
            }  # fmt: skip
            if others:
                say(
                    "WARNING: %s and %s do not agree, for example on %r; %s is taken"
                    % (VOCABULARY, LIBRARY_FILE, min(others), VOCABULARY)
                )
    else:
        pieces = _in_order(document)
        content = ("\n".join(pieces) + "\n").encode("utf-8", "surrogatepass")
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
    if settings["do_lower_case"] is None:
        is_cased = tokenization.is_cased(vocabulary)
        settings["do_lower_case"] = not is_cased
        say(
            "NOTE: %s does not say whether text is lower-cased; %s"
            % (
                directory,
                "its vocabulary is cased" if is_cased else "it is, as for most such vocabularies",
            )
        )
    try:
        tokenization.check_case(vocabulary, settings["do_lower_case"])
    except UserError:
        raise UserError(
            "DIR: %s says do_lower_case = %s, but the vocabulary is %s; mend the one that is wrong"
            % (
                _SETTINGS if _SETTINGS in names else LIBRARY_FILE,
                settings["do_lower_case"],
                "cased" if settings["do_lower_case"] else "uncased",
            )
        )
    special_ids = {vocabulary[tokenization.CLS], vocabulary[tokenization.SEP]}
    return ReaderTokenizer(VOCABULARY, content, max(vocabulary.values()) + 1, settings, special_ids)


def _settings_of(said, document):
    """What ``tokenizer_config.json`` says, else the normalizer of ``tokenizer.json``."""
    normalizer = (document or {}).get("normalizer") or {}
    found = {
        "do_lower_case": _switch(said, "do_lower_case", normalizer.get("lowercase")),
        "strip_accents": _switch(said, "strip_accents", normalizer.get("strip_accents")),
        "tokenize_chinese_chars": _switch(
            said, "tokenize_chinese_chars", normalizer.get("handle_chinese_chars", True)
        ),
    }
    for key, usual in (
        ("tokenizer_class", _CLASSES),
        ("word_tokenizer_type", (None, "basic")),
        ("subword_tokenizer_type", (None, "wordpiece")),
        ("do_basic_tokenize", (None, True)),
        ("do_word_tokenize", (None, True)),
        ("never_split", (None, [])),
        ("normalize_text", (None, True)),
    ):
        if said.get(key) not in usual:
            say(
                "WARNING: %s says %s = %r, which is not done here: text is cut as BERT's own code "
                "cuts it, and answers may differ" % (_SETTINGS, key, said[key])
            )
    if found["tokenize_chinese_chars"] is None:
        found["tokenize_chinese_chars"] = True
    return found


def _switch(said, key, default: Optional[bool]):
    """A truth value, or None; a text is taken for the truth value that it names."""
    value = said.get(key)
    if isinstance(value, bool):
        return value
    if value is not None:
        meant = {"true": True, "false": False}.get(str(value).strip().lower())
        say(
            "WARNING: %s has %s = %r, which is no truth value; %s is taken"
            % (_SETTINGS, key, value, default if meant is None else meant)
        )
        if meant is not None:
            return meant
    return default if isinstance(default, bool) else None


# The library ------------------------------------------------------------------------------------


def _of_library(text, path):
    tokenizer = LibraryTokenizer(text, "DIR: %s" % path)
    num_pieces = max(tokenizer.vocabulary.values()) + 1
    special_ids = set(tokenizer.ids(sum(tokenizer.layout, [])))
    return ReaderTokenizer(LIBRARY_FILE, text.encode("utf-8"), num_pieces, {}, special_ids)


def _with_space_in_front(document, said):
    """The text of a ``tokenizer.json`` with or without a space before each text, as is said.

    transformers asks ``tokenizer_config.json``. None: the file says the same, or has no such step.
    """
    prefix, step = said.get("add_prefix_space"), document.get("pre_tokenizer")
    is_byte_level = isinstance(step, dict) and step.get("type") == "ByteLevel"
    if not is_byte_level or prefix not in (True, False) or step.get("add_prefix_space") is prefix:
        return None
    changed = {"pre_tokenizer": dict(step, add_prefix_space=prefix)}
    last = document.get("post_processor")
    if isinstance(last, dict) and "add_prefix_space" in last:
        changed["post_processor"] = dict(last, add_prefix_space=prefix)
    return json.dumps(dict(document, **changed), ensure_ascii=False)


def _of_byte_pairs(directory, said):
    """RoBERTa's older form, ``vocab.json`` and ``merges.txt``, as a ``tokenizer.json``."""
    path = files.join(directory, "vocab.json")
    vocabulary = files.read_json(path, "DIR")
    merges = files.read_text(files.join(directory, "merges.txt"), "DIR").split("\n")
    fault = notes.fault(vocabulary, {"<s>": int, "</s>": int, str: int})
    if fault:
        raise UserError("DIR: %s is no vocabulary of RoBERTa's: %s" % (path, fault))
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    document = {
        "version": "1.0",
        "added_tokens": [
            dict(
                dict.fromkeys(("single_word", "rstrip", "normalized"), False),
                id=vocabulary[token],
                content=token,
                lstrip=token == "<mask>",
                special=True,
            )
            for token in sorted(_ROBERTAS_TOKENS & set(vocabulary), key=vocabulary.get)
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["</s>", vocabulary["</s>"]],
            "cls": ["<s>", vocabulary["<s>"]],
            "trim_offsets": True,
            "add_prefix_space": False,
        },
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "vocab": vocabulary,
            "merges": [
                line.rstrip("\r")
                for line in merges
                if line.strip() and not line.startswith("#version")
            ],
        },
    }
    text = _with_space_in_front(document, said) or json.dumps(document, ensure_ascii=False)
    return _of_library(text, path)


# Written ----------------------------------------------------------------------------------------


def write_tokenizer(out, config, content, settings):
    """Writes a reader's tokenizer for ``AutoTokenizer``.

    Args:
        out: the directory.
        config: the reader's BertConfig.
        content: the bytes of its ``vocab.txt`` or ``tokenizer.json``.
        settings: how a ``vocab.txt`` is used, as ReaderTokenizer has them; None for the other.

    Returns:
        The name of the file that the content is in.
    """
    described = {"model_max_length": config.longest_window}
    if config.architecture.num_segments < 2:
        described["model_input_names"] = ["input_ids", "attention_mask"]
    if settings is None:
        name, special = LIBRARY_FILE, _special_tokens(content, config)
        # transformers' class for any tokenizer.json: it does what that file says and no more.
        described["tokenizer_class"] = "PreTrainedTokenizerFast"
    else:
        name, special = VOCABULARY, _SPECIAL_TOKENS
        described.update(settings, tokenizer_class=HUB_ARCHITECTURES[config.model_type].tokenizer)
    write_json(files.join(out, _SETTINGS), dict(special, **described))
    write_json(files.join(out, _SPECIAL), special)
    files.write_bytes(files.join(out, name), content, "OUT")
    return name


# The special tokens of WordPiece vocabularies.
_SPECIAL_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}


def _special_tokens(content, config):
    tokenizer = LibraryTokenizer(content.decode("utf-8"), "--vocab_file")
    named = {number: piece for piece, number in tokenizer.vocabulary.items()}
    special = {
        "cls_token": tokenizer.layout.before[0],
        "sep_token": tokenizer.layout.after[0],
        "pad_token": named[config.pad_token_id],
    }
    for key, pieces in (("unk_token", ("<unk>", "[UNK]")), ("mask_token", ("<mask>", "[MASK]"))):
        for piece in pieces:
            if piece in tokenizer.vocabulary:
                special[key] = piece
    return special
