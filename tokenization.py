"""BERT's tokenisation: text -> words and punctuation -> word pieces -> ids.

Two steps, as in Devlin et al., "BERT" (2019). ``BasicTokenizer`` cleans the text and splits it at
white space, around punctuation and around every CJK character. ``Tokenizer`` then cuts each of
these tokens into the longest pieces that the vocabulary has, from the left ("WordPiece"; a piece
that goes on inside a word is written with ``##`` in front)::

    unaffable  ->  un ##af ##fa ##ble

Nothing here needs TensorFlow.
"""

import re
import unicodedata
from typing import List, NamedTuple, Tuple

from common import files
from common.command_line import UserError

UNKNOWN, CLS, SEP, PAD = "[UNK]", "[CLS]", "[SEP]", "[PAD]"

# A longer token is [UNK] at once: no word is that long, and cutting one takes quadratic time. The
# published code's number, and that of the Hugging Face hub's tokenizers.
_LONGEST_TOKEN, _LONGEST_TOKEN_OF_HUB = 200, 100
# A run without white space (Z of Unicode; control characters are dropped, even where Python calls
# them white space).
_SPACED = re.compile("[^\t\n\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")

_CJK_IDEOGRAPHS = (
    # The Unicode blocks "CJK (Compatibility) Ideographs" with their extensions and supplements:
    # what is written without spaces. Kana and Hangul are not among them.
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
# The same inside the brackets of a regular expression.
CJK = "".join("%c-%c" % block for block in _CJK_IDEOGRAPHS)


def load_vocabulary(path, what="--vocab_file"):
    """Reads a vocabulary: one piece a line, whose id is the line's number from 0.

    Returns:
        A dict from piece to id, in the order of the file. Of a piece that stands twice, the later
        line counts.

    Raises:
        UserError: the file cannot be read, is empty, or lacks one of [PAD] [UNK] [CLS] [SEP].
    """
    # Only "\n" ends a line: vocabularies hold characters at which str.splitlines would split.
    lines = files.read_text(path, what).rstrip("\r\n").split("\n")
    vocabulary = {line.strip(): number for number, line in enumerate(lines)}
    if list(vocabulary) == [""]:
        raise UserError("%s: %s is empty; give the vocab.txt of a BERT model" % (what, path))
    missing = [piece for piece in (PAD, UNKNOWN, CLS, SEP) if piece not in vocabulary]
    if missing:
        raise UserError(
            "%s: %s has no line %s; give the vocab.txt of a BERT model"
            % (what, path, " or ".join(missing))
        )
    return vocabulary


def check_case(vocabulary, do_lower_case, what="--vocab_file"):
    """Refuses a vocabulary that was plainly made for the other setting of ``--do_lower_case``.

    Such a run does not fail by itself: half of the words silently become [UNK] or crumbs. The
    judgement rests on entries of two letters or more that begin a word. With lower-casing, an
    entry with a capital can never be found; public cased vocabularies have a third of those,
    uncased ones none. A vocabulary without any capital is called uncased only if it is large and
    mostly of letters that have case: the Chinese one, where few entries do, is nobody's evidence.

    Args:
        vocabulary: what load_vocabulary returns, or a path to read.
        do_lower_case: the flag.
        what: the flag that named the vocabulary.

    Raises:
        UserError: names --do_lower_case and the value it should have.
    """
    if not isinstance(vocabulary, dict):
        vocabulary = load_vocabulary(vocabulary, what)
    words, capitalised = _words_with_case(vocabulary)
    is_uncased = (
        not capitalised
        and len(words) >= 2000
        and len(words) >= 0.5 * len(vocabulary)
    )  # fmt: skip
    if do_lower_case and is_cased(vocabulary):
        raise UserError(
            "--do_lower_case: the vocabulary of %s is cased (%d of its %d words have capitals, "
            "which lower-cased text never matches); use --do_lower_case=False"
            % (what, capitalised, len(words))
        )
    if not do_lower_case and is_uncased:
        raise UserError(
            "--do_lower_case: the vocabulary of %s is uncased (none of its %d words has a "
            "capital); use --do_lower_case=True" % (what, len(words))
        )


def is_cased(vocabulary):
    """Whether a vocabulary was plainly made for text that keeps its capitals; see check_case."""
    words, capitalised = _words_with_case(vocabulary)
    return len(words) >= 50 and capitalised >= 0.1 * len(words)


def _words_with_case(vocabulary):
    """The entries that begin a word whose letters have case, and how many have a capital."""
    entries = [entry for entry in vocabulary if len(entry) > 1 and not entry.startswith("##")]
    words = [entry for entry in entries if entry.isalpha() and entry.lower() != entry.upper()]
    return words, sum(word != word.lower() for word in words)


class _CharacterTable(dict):
    """A table for str.translate that asks ``rule(character)`` once for each new character."""

    def __init__(self, rule):
        super().__init__()
        self._rule = rule

    def __missing__(self, code):
        self[code] = value = self._rule(chr(code))
        return value


def _cleaned(character):
    """What takes the character's place in clean text: itself or nothing."""
    if character in "\t\n\r":
        return character
    if character == "\ufffd" or unicodedata.category(character).startswith("C"):
        # All of C: control and format characters, but surrogates, private use and what this
        # Python's Unicode tables do not know yet as well.
        return None
    return character


def _cleaned_and_cjk_apart(character):
    """The same, with spaces around it if it is a CJK character."""
    if any(first <= ord(character) <= last for first, last in _CJK_IDEOGRAPHS):
        return " %s " % character
    return _cleaned(character)


def _without_accents(character):
    return None if unicodedata.category(character) == "Mn" else character


def _set_apart(character):
    """Spaces around punctuation: Unicode's, and every ASCII sign such as ``$`` or ``^``."""
    is_ascii_sign = "!" <= character <= "~" and not character.isalnum()
    if is_ascii_sign or unicodedata.category(character).startswith("P"):
        return " %s " % character
    return character


_CLEANED = _CharacterTable(_cleaned)
_CLEANED_AND_CJK_APART = _CharacterTable(_cleaned_and_cjk_apart)
_WITHOUT_ACCENTS = _CharacterTable(_without_accents)
_SET_APART = _CharacterTable(_set_apart)


class BasicTokenizer:
    """Splits text into words, punctuation signs and, unless told otherwise, CJK characters."""

    def __init__(self, do_lower_case, strip_accents=None, tokenize_chinese_chars=True):
        """Makes one.

        Args:
            do_lower_case: whether to lower-case.
            strip_accents: whether to strip accents (``É`` -> ``E``); None: if do_lower_case.
            tokenize_chinese_chars: whether every CJK character is a token of its own.
        """
        self._do_lower_case = do_lower_case
        self._strip_accents = do_lower_case if strip_accents is None else strip_accents
        self._cleaned = _CLEANED_AND_CJK_APART if tokenize_chinese_chars else _CLEANED
        self._spaced = _CharacterTable(self._with_spaces)

    def tokenize(self, text):
        """The list of tokens; none is empty or holds white space.

        White space never joins anything, so that ``tokenize("a b")`` is always ``tokenize("a") +
        tokenize("b")``: passages may be tokenised word by word.
        """
        # str.split takes every separator of Unicode (Z*) for white space.
        return self._with_spaces(text).split()

    def _with_spaces(self, text):
        text = text.translate(self._cleaned)
        if self._do_lower_case:
            text = text.lower()
        if self._strip_accents:
            text = unicodedata.normalize("NFD", text).translate(_WITHOUT_ACCENTS)
        return text.translate(_SET_APART)

    def tokenize_with_places(self, text):
        """The tokens, each with the indices of the characters of the text that it is made of.

        Characters are looked at one by one, as the Hugging Face hub's tokenizers do: the Greek
        sigma that ends a word is lower-cased as any other.

        Returns:
            A list of (token, places), with an index for each of the token's characters.
        """
        tokens, token, places = [], [], []
        for place, character in enumerate(text):
            for made in self._spaced[ord(character)]:
                if not made.isspace():
                    token.append(made)
                    places.append(place)
                elif token:
                    tokens.append(("".join(token), places))
                    token, places = [], []
        if token:
            tokens.append(("".join(token), places))
        return tokens


class Layout(NamedTuple):
    """The special tokens of a window, as lists of pieces: before the question, and so on."""

    before: List[str]
    between: List[str]
    after: List[str]


class Pieces(NamedTuple):
    """A text in pieces: the pieces, their ids, and from and up to which character each goes."""

    pieces: List[str]
    ids: List[int]
    offsets: List[Tuple[int, int]]


class Tokenizer:
    """BERT's tokeniser: basic tokens, cut into the pieces of a vocabulary.

    Attributes:
        by_words: whether passages are cut word by word, and answers put together from words, as in
            the published code; else as the Hugging Face hub's code does it, by the places of
            characters.
        layout: the special tokens of a window.
        unknown: what becomes of a token that the vocabulary does not know.
        longest_token: a longer token is not looked up.
    """

    layout, unknown = Layout([CLS], [SEP], [SEP]), UNKNOWN

    def __init__(
        self,
        vocabulary,
        do_lower_case,
        strip_accents=None,
        tokenize_chinese_chars=True,
        by_words=True,
    ):
        """Makes one.

        Args:
            vocabulary: what load_vocabulary returns.
            do_lower_case, strip_accents, tokenize_chinese_chars: as BasicTokenizer's.
            by_words: see above.
        """
        self.vocabulary = vocabulary
        self.by_words = by_words
        self.longest_token = _LONGEST_TOKEN if by_words else _LONGEST_TOKEN_OF_HUB
        self._basic = BasicTokenizer(do_lower_case, strip_accents, tokenize_chinese_chars)
        self._longest_piece = max(map(len, vocabulary))
        self._pieces_of_token = {}
        self._pieces_of_word = {}
        self._placed_pieces = {}
        self._normal_words = {}

    def tokenize(self, text):
        """The list of word pieces of a text; all are in the vocabulary."""
        if not self.by_words:
            return self.placed(text).pieces
        return [piece for token in self._basic.tokenize(text) for piece in self._cut(token)]

    def pieces_of_word(self, word):
        """``tokenize(word)`` as a tuple, remembered: a passage says "the" many times."""
        pieces = self._pieces_of_word.get(word)
        if pieces is None:
            pieces = self._pieces_of_word[word] = tuple(self.tokenize(word))
        return pieces

    def num_too_long(self, text):
        """How many tokens are unknown for their length alone: the run of a language without
        spaces is one token.
        """
        return sum(len(token) > self.longest_token for token in self._basic.tokenize(text))

    def normal_word(self, word):
        """The word's basic tokens, joined by spaces; remembered."""
        normal = self._normal_words.get(word)
        if normal is None:
            normal = self._normal_words[word] = " ".join(self._basic.tokenize(word))
        return normal

    def placed(self, text):
        """The Pieces of a text, with their places.

        A piece's offsets go from the first to the last character that it is made of; those of
        [UNK] span its token.
        """
        pieces, offsets = [], []
        for match in _SPACED.finditer(text):
            word = match.group()
            placed = self._placed_pieces.get(word)
            if placed is None:
                placed = self._placed_pieces[word] = list(self._place(word))
            for piece, first, end in placed:
                pieces.append(piece)
                offsets.append((match.start() + first, match.start() + end))
        return Pieces(pieces, self.ids(pieces), offsets)

    def _place(self, word):
        """Yields the word's pieces, each with its first character and that after its last."""
        for token, places in self._basic.tokenize_with_places(word):
            pieces = self._cut(token)
            if pieces == (UNKNOWN,):
                yield UNKNOWN, places[0], places[-1] + 1
                continue
            first = 0
            for piece in pieces:
                end = first + len(piece) - (2 if first else 0)
                yield piece, places[first], places[end - 1] + 1
                first = end

    def ids(self, pieces):
        """The list of the pieces' ids."""
        vocabulary = self.vocabulary
        return [vocabulary[piece] for piece in pieces]

    def _cut(self, token):
        """The pieces of a basic token, as a tuple, remembered."""
        pieces = self._pieces_of_token.get(token)
        if pieces is None:
            pieces = self._pieces_of_token[token] = self._find_pieces(token)
        return pieces

    def _find_pieces(self, token):
        """The longest piece first, then the longest ``##piece`` of the rest, and so on.

        One place without any piece makes the whole token [UNK], not only that place.
        """
        if len(token) > self.longest_token:
            return (UNKNOWN,)
        pieces, start = [], 0
        while start < len(token):
            prefix = "##" if start else ""
            for end in range(min(len(token), start + self._longest_piece), start, -1):
                piece = prefix + token[start:end]
                if piece in self.vocabulary:
                    break
            else:
                return (UNKNOWN,)
            pieces.append(piece)
            start = end
        return tuple(pieces)
