"""BERT's tokenisation: text -> words and punctuation -> word pieces -> ids.

Two steps, as in Devlin et al., "BERT" (2019). ``BasicTokenizer`` cleans the text and splits it at
white space, around punctuation and around every CJK character. ``Tokenizer`` then cuts each of
these tokens into the longest pieces that the vocabulary has, from the left ("WordPiece"; a piece
that goes on inside a word is written with ``##`` in front)::

    unaffable  ->  un ##af ##fa ##ble

Nothing here needs TensorFlow.
"""

import unicodedata

from common import files
from common.command_line import UserError

UNKNOWN, CLS, SEP, PAD = "[UNK]", "[CLS]", "[SEP]", "[PAD]"

# A longer token is [UNK] at once: no word is that long, and cutting one takes quadratic time.
LONGEST_TOKEN = 200

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
    entries = [entry for entry in vocabulary if len(entry) > 1 and not entry.startswith("##")]
    words = [entry for entry in entries if entry.isalpha() and entry.lower() != entry.upper()]
    capitalised = sum(word != word.lower() for word in words)
    is_cased = len(words) >= 50 and capitalised >= 0.1 * len(words)
    is_uncased = (
        capitalised == 0
        and len(words) >= 2000
        and len(words) >= 0.5 * len(vocabulary)
    )  # fmt: skip
    if do_lower_case and is_cased:
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


class _CharacterTable(dict):
    """A table for str.translate that asks ``rule(character)`` once for each new character."""

    def __init__(self, rule):
        super().__init__()
        self._rule = rule

    def __missing__(self, code):
        self[code] = value = self._rule(chr(code))
        return value


def _cleaned(character):
    """What takes the character's place in clean text: itself, with spaces around, or nothing."""
    if character in "\t\n\r":
        return character
    if character == "\ufffd" or unicodedata.category(character).startswith("C"):
        # All of C: control and format characters, but surrogates, private use and what this
        # Python's Unicode tables do not know yet as well.
        return None
    if any(first <= ord(character) <= last for first, last in _CJK_IDEOGRAPHS):
        return " %s " % character
    return character


def _without_accents(character):
    return None if unicodedata.category(character) == "Mn" else character


def _set_apart(character):
    """Spaces around punctuation: Unicode's, and every ASCII sign such as ``$`` or ``^``."""
    is_ascii_sign = "!" <= character <= "~" and not character.isalnum()
    if is_ascii_sign or unicodedata.category(character).startswith("P"):
        return " %s " % character
    return character


_CLEANED = _CharacterTable(_cleaned)
_WITHOUT_ACCENTS = _CharacterTable(_without_accents)
_SET_APART = _CharacterTable(_set_apart)


class BasicTokenizer:
    """Splits text into words, punctuation signs and CJK characters."""

    def __init__(self, do_lower_case):
        """Args: do_lower_case: whether to lower-case and to strip accents (``É`` -> ``e``)."""
        self.do_lower_case = do_lower_case

    def tokenize(self, text):
        """The list of tokens; none is empty or holds white space.

        White space never joins anything, so that ``tokenize("a b")`` is always ``tokenize("a") +
        tokenize("b")``: passages may be tokenised word by word.
        """
        text = text.translate(_CLEANED)
        if self.do_lower_case:
            text = unicodedata.normalize("NFD", text.lower()).translate(_WITHOUT_ACCENTS)
        # str.split takes every separator of Unicode (Z*) for white space.
        return text.translate(_SET_APART).split()


class Tokenizer:
    """BERT's tokeniser: basic tokens, cut into the pieces of a vocabulary."""

    def __init__(self, vocabulary, do_lower_case):
        """Args: vocabulary: what load_vocabulary returns; do_lower_case: as BasicTokenizer's."""
        self.vocabulary = vocabulary
        self.basic = BasicTokenizer(do_lower_case)
        self._longest_piece = max(map(len, vocabulary))
        self._pieces_of_token = {}
        self._pieces_of_word = {}

    def tokenize(self, text):
        """The list of word pieces of a text; all are in the vocabulary."""
        pieces = []
        for token in self.basic.tokenize(text):
            found = self._pieces_of_token.get(token)
            if found is None:
                found = self._pieces_of_token[token] = self._cut(token)
            pieces.extend(found)
        return pieces

    def pieces_of_word(self, word):
        """``tokenize(word)`` as a tuple, remembered: a passage says "the" many times."""
        pieces = self._pieces_of_word.get(word)
        if pieces is None:
            pieces = self._pieces_of_word[word] = tuple(self.tokenize(word))
        return pieces

    def num_too_long(self, word):
        """How many tokens of a word are [UNK] for their length alone: the run of a language without
        spaces is one token.
        """
        return sum(len(token) > LONGEST_TOKEN for token in self.basic.tokenize(word))

    def ids(self, pieces):
        """The list of the pieces' ids."""
        vocabulary = self.vocabulary
        return [vocabulary[piece] for piece in pieces]

    def _cut(self, token):
        """The longest piece first, then the longest ``##piece`` of the rest, and so on.

        One place without any piece makes the whole token [UNK], not only that place.
        """
        if len(token) > LONGEST_TOKEN:
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
