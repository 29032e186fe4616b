"""Tokenisation: the published pieces, no lost characters, and vocabularies that are refused."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.command_line import UserError
from tokenization import BasicTokenizer, Tokenizer, check_case, load_vocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
SMALL = {
    piece: number
    for number, piece in enumerate(
        [
            *SPECIAL,
            *"abcABC.,$",
            "##a",
            "##b",
            "##c",
            "##A",
            "##B",
            "##C",
            "ab",
            "abc",
            "##bc",
            "##cab",
        ]
    )
}


@pytest.fixture(scope="module")
def cased(shared):
    return load_vocabulary(shared / "data" / "bert-base-cased-vocab.txt")


def write_vocabulary(path, lines):
    path.write_bytes("\n".join([*lines, ""]).encode("utf-8"))
    return path


def test_pieces_and_ids_are_the_published_ones(golden, cased):
    tokenizers = {flag: Tokenizer(cased, flag) for flag in (False, True)}
    cases = json.loads((golden / "expected" / "tokenization.json").read_text())
    assert {case["do_lower_case"] for case in cases} == {False, True}
    for case in cases:
        tokenizer = tokenizers[case["do_lower_case"]]
        pieces = tokenizer.tokenize(case["text"])
        assert pieces == case["tokens"], case["text"]
        assert tokenizer.ids(pieces) == case["ids"]


# The basic tokeniser ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("", []),
        (" \t\n\r\u00a0\u3000", []),
        ("don't", ["don", "'", "t"]),
        ("a$b^c`d~e", ["a", "$", "b", "^", "c", "`", "d", "~", "e"]),
        ("\u201cHi\u201d\u2026", ["\u201c", "Hi", "\u201d", "\u2026"]),
        ("ab\u4e2d\u6587cd", ["ab", "\u4e2d", "\u6587", "cd"]),
        ("\u3072\u3089 \ud55c\uad6d", ["\u3072\u3089", "\ud55c\uad6d"]),  # kana, Hangul stay whole
        (
            "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc",
            ["\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc"],
        ),
        ("\u2028a\u2029b", ["a", "b"]),  # line and paragraph separators divide
    ],
)
def test_basic_tokens(text, tokens):
    assert BasicTokenizer(do_lower_case=False).tokenize(text) == tokens


@pytest.mark.parametrize(
    "character", ["\x00", "\ufffd", "\x07", "\u200d", "\u00ad", "\ue000", "\ud800"]
)
def test_control_characters_of_every_kind_vanish(character):
    assert BasicTokenizer(False).tokenize("a%sb" % character) == ["ab"]
    assert BasicTokenizer(True).tokenize("a %s b" % character) == ["a", "b"]


@pytest.mark.parametrize("character", "\t\n\r \u00a0\u2003\u3000")
def test_white_space_divides(character):
    assert BasicTokenizer(False).tokenize("a%sb" % character) == ["a", "b"]


@pytest.mark.parametrize(
    "character",
    "\u3400 \u4db5 \u4e00 \u9fa5 \uf900 \ufad9 \U00020000 \U0002a6d6 \U0002a700 \U0002b734 "
    "\U0002b740 \U0002b81d \U0002b820 \U0002cea1 \U0002f800 \U0002fa1d".split(),
)
def test_ideographs_of_every_block_stand_alone(character):
    assert BasicTokenizer(False).tokenize("a%sb" % character) == ["a", character, "b"]


def test_lower_casing_strips_accents_and_nothing_else_does():
    assert BasicTokenizer(True).tokenize("Éa \u0130x \u0301") == ["ea", "ix"]
    assert BasicTokenizer(False).tokenize("Éa") == ["Éa"]


def test_accents_stay_in_lower_cased_text_where_asked_for():
    words = "die schön ##e stadt köln müsste ."
    vocabulary = {p: n for n, p in enumerate([*SPECIAL, *words.split()])}
    text = "Die schöne Stadt Köln müsste."
    assert Tokenizer(vocabulary, True, False).tokenize(text) == words.split()
    assert "[UNK]" in Tokenizer(vocabulary, True).tokenize(text)


@given(st.text())
def test_no_character_is_lost_or_made_up(text):
    kept = "".join(
        character
        for character in text
        if not unicodedata.category(character).startswith(("C", "Z")) and character != "\ufffd"
    )
    assert "".join(BasicTokenizer(False).tokenize(text)) == kept


@given(st.text(), st.text(), st.booleans())
def test_white_space_never_joins(left, right, do_lower_case):
    tokenize = BasicTokenizer(do_lower_case).tokenize
    assert tokenize(left + " " + right) == tokenize(left) + tokenize(right)


# Word pieces ------------------------------------------------------------------------------------


@given(st.text(alphabet="abcABC., \t$"))
def test_joined_pieces_are_the_text_where_the_vocabulary_has_its_letters(text):
    pieces = Tokenizer(SMALL, do_lower_case=False).tokenize(text)
    assert "[UNK]" not in pieces
    assert "".join(pieces).replace("##", "") == "".join(text.split())


@given(st.text(alphabet="abc", min_size=1, max_size=12))
def test_each_piece_is_the_longest_that_fits(word):
    rest, prefix = word, ""
    for piece in Tokenizer(SMALL, do_lower_case=False).tokenize(word):
        fitting = [p for p in SMALL if p.startswith(prefix) and (prefix + rest).startswith(p)]
        assert piece == max(fitting, key=len)
        rest, prefix = rest[len(piece) - len(prefix) :], "##"
    assert rest == ""


@given(st.text(alphabet="abcABCd. \u00e1\u4e2d"), st.booleans())
def test_remembered_pieces_are_those_of_the_text(text, do_lower_case):
    tokenizer = Tokenizer(SMALL, do_lower_case)
    for _ in range(2):
        assert list(tokenizer.pieces_of_word(text)) == tokenizer.tokenize(text)
    assert tokenizer.tokenize(text) == Tokenizer(SMALL, do_lower_case).tokenize(text)


def test_a_place_without_a_piece_makes_the_token_unknown_but_no_other():
    pieces = Tokenizer(SMALL, do_lower_case=False).tokenize("abd abc,d.")
    assert pieces == ["[UNK]", "abc", ",", "[UNK]", "."]


def test_tokens_over_200_characters_are_unknown():
    tokenizer = Tokenizer(SMALL, do_lower_case=False)
    assert tokenizer.tokenize("a" * 200) == ["a"] + ["##a"] * 199
    assert tokenizer.tokenize("a" * 201 + "." + "b") == ["[UNK]", ".", "b"]


# Vocabulary files -------------------------------------------------------------------------------


def test_the_id_is_the_number_of_the_line(tmp_path):
    # U+2028 and U+0085 divide lines for Python, but not in a vocabulary.
    lines = [*SPECIAL, "x\u2028y", "z\x85w", "last"]
    vocabulary = load_vocabulary(write_vocabulary(tmp_path / "vocab.txt", lines))
    assert vocabulary == {line: number for number, line in enumerate(lines)}
    assert list(vocabulary) == lines


def test_carriage_returns_are_not_part_of_a_piece(tmp_path):
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\nthe\r\n")
    assert load_vocabulary(tmp_path / "vocab.txt")["the"] == 4


@pytest.mark.parametrize(
    "lines, complaint",
    [
        ([], "is empty"),
        (["", " "], "is empty"),
        (["[PAD]", "[CLS]", "[SEP]", "the"], r"no line \[UNK\]"),
        (["the"], r"no line \[PAD\] or \[UNK\] or \[CLS\] or \[SEP\]"),
    ],
)
def test_files_that_are_no_vocabulary_are_refused(tmp_path, lines, complaint):
    path = write_vocabulary(tmp_path / "vocab.txt", lines)
    with pytest.raises(UserError, match="--vocab_file: .*vocab.txt.*" + complaint):
        load_vocabulary(path)


def test_a_missing_vocabulary_is_the_users_mistake(tmp_path):
    with pytest.raises(UserError, match="--vocab_file: there is no file"):
        load_vocabulary(tmp_path / "none.txt")


# Vocabularies for the other case ----------------------------------------------------------------


def test_a_cased_vocabulary_is_refused_with_lower_casing(cased):
    check_case(cased, do_lower_case=False)
    with pytest.raises(UserError, match="is cased .*use --do_lower_case=False"):
        check_case(cased, do_lower_case=True)


def test_an_uncased_vocabulary_is_refused_without_lower_casing(cased, tmp_path):
    words = sorted({p if p in SPECIAL or p[0] == "[" else p.lower() for p in cased})
    path = write_vocabulary(tmp_path / "vocab.txt", words)
    check_case(path, do_lower_case=True)
    with pytest.raises(UserError, match="is uncased .*use --do_lower_case=True"):
        check_case(path, do_lower_case=False)


@pytest.mark.parametrize("do_lower_case", [False, True])
def test_where_few_entries_have_case_nobody_is_accused(shared, do_lower_case):
    check_case(shared / "data" / "bert-base-chinese-vocab.txt", do_lower_case)
    check_case(SMALL, do_lower_case)
    check_case(dict.fromkeys([*SPECIAL, "the", "Paris", "London"]), do_lower_case)
    check_case(
        dict.fromkeys([*SPECIAL, *("w" + c * n for c in "abc" for n in range(99))]), do_lower_case
    )


def test_a_small_vocabulary_with_many_names_is_known_as_cased():
    names = ["Name" + chr(97 + i) + chr(97 + j) for i in range(10) for j in range(10)]
    with pytest.raises(UserError, match="100 of its 101 words"):
        check_case(dict.fromkeys([*SPECIAL, "the", *names]), do_lower_case=True)
