"""Tokenizers of readers from the Hugging Face hub: which one a reader has, and how it is called.

WordPiece vocabularies, ``vocab.txt``, are cut by tokenization.py. Byte-level BPE, Unigram and
whatever else is written in a ``tokenizer.json`` are left to the ``tokenizers`` library.
"""

import json

import tokenization
from common import files
from common.command_line import UserError
from tokenization import Layout, Pieces

VOCABULARY, LIBRARY_FILE = "vocab.txt", "tokenizer.json"


def load(
    path,
    do_lower_case,
    strip_accents=None,
    tokenize_chinese_chars=True,
    align_answers=True,
    what="--vocab_file",
):
    """The tokenizer of a vocabulary.

    Args:
        path: a ``vocab.txt``, or a ``tokenizer.json`` for the library; the latter says by itself
            what the other arguments say of the former.
        do_lower_case, strip_accents, tokenize_chinese_chars: see tokenization.BasicTokenizer.
        align_answers: see tokenization.Tokenizer.by_words.
        what: the flag that named the file.

    Raises:
        UserError: the file cannot be read, or is plainly for the other case.
    """
    if str(path).endswith(".json"):
        return LibraryTokenizer(files.read_text(path, what), "%s: %s" % (what, path))
    vocabulary = tokenization.load_vocabulary(path, what)
    tokenization.check_case(vocabulary, do_lower_case, what)
    return tokenization.Tokenizer(
        vocabulary, do_lower_case, strip_accents, tokenize_chinese_chars, by_words=align_answers
    )


class LibraryTokenizer:
    """A ``tokenizer.json`` with the interface of tokenization.Tokenizer.

    Args:
        text: the content of the file.
        where: what an error begins with.

    Attributes:
        by_words: False: pieces know their characters.
        layout: the special tokens of a window, as the file says.
        vocabulary: piece -> id.
        unknown: what becomes of a character that it does not know; None if it knows all.
        longest_token: None: however long a token is, it is looked up.

    Raises:
        UserError: the library is not installed, or cannot read the file.
    """

    by_words, longest_token = False, None

    def __init__(self, text, where):
        try:
            import tokenizers
        except ImportError:
            raise UserError(
                "%s needs the tokenizers library, which this Python does not have; install it with "
                "pip install -r requirements.txt" % where
            )
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(text)
            document = json.loads(text)
            self.layout = _layout(document, self._tokenizer)
            self.unknown = _unknown(document["model"])
        except UserError:
            raise
        except Exception as error:  # the library has no class of its own for it
            raise UserError(
                "%s cannot be read by tokenizers %s (%s); if a newer version wrote it, use a newer "
                "runtime" % (where, tokenizers.__version__, str(error).split("\n")[0][:200])
            )
        self.vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        if self.layout is None or not set(sum(self.layout, [])) <= set(self.vocabulary):
            raise UserError(
                "%s does not say which special tokens stand around a pair of texts "
                "(post_processor)" % where
            )
        # Byte-level BPE knows every character.
        is_needed = document["model"].get("type") != "BPE" and self.unknown is not None
        if is_needed and self.unknown not in self.vocabulary:
            raise UserError("%s: unk_token %r is not in its vocabulary" % (where, self.unknown))
        # The file may hold truncation and padding, as they were set for the last call before it was
        # saved; here windows are cut and padded elsewhere.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._pieces = {number: piece for piece, number in self.vocabulary.items()}

    def tokenize(self, text):
        """The list of pieces of a text."""
        return self.placed(text).pieces

    def placed(self, text):
        """The Pieces of a text."""
        encoded = self._encode(text)
        # Of what it does not know, the library's own list of tokens has the text itself.
        pieces = [self._pieces[number] for number in encoded.ids]
        return Pieces(pieces, encoded.ids, encoded.offsets)

    def ids(self, pieces):
        """The list of the pieces' ids."""
        vocabulary = self.vocabulary
        return [vocabulary[piece] for piece in pieces]

    def _encode(self, text):
        # JSON may hold halves of surrogate pairs, which are no characters to the library.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return self._tokenizer.encode(text, add_special_tokens=False)


def _unknown(model):
    """The piece that stands for what the vocabulary does not know, or None."""
    if model.get("unk_id") is not None:
        return model["vocab"][model["unk_id"]][0]
    return model.get("unk_token")


def _layout(document, tokenizer):
    """The Layout that a post-processor of ``tokenizer.json`` gives a pair of texts, or None."""
    processor = document.get("post_processor") or {}
    steps = processor.get("processors", [processor])
    for step in steps:
        if step.get("type") in ("RobertaProcessing", "BertProcessing"):
            cls, sep = step["cls"][0], step["sep"][0]
            between = [sep, sep] if step["type"] == "RobertaProcessing" else [sep]
            return Layout([cls], between, [sep])
        if step.get("type") == "TemplateProcessing":
            return _layout_of_template(step, tokenizer)
    return None


def _layout_of_template(step, tokenizer):
    parts, place = ([], [], []), 0
    for item in step["pair"]:
        if "Sequence" in item:
            place += 1
            continue
        special = step["special_tokens"][item["SpecialToken"]["id"]]
        parts[place].extend(tokenizer.id_to_token(number) for number in special["ids"])
    return Layout(*parts) if place == 2 and parts[0] else None
