"""CMRC 2018's files: both forms, Chinese words, and answers that are not at their offsets."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmrc2018.examples import find_answer, words_of
from common.command_line import UserError
from spans import data_sets
from tests.support import chinese


@pytest.fixture
def read(tmp_path):
    """Writes a document and reads it as the runner does; returns the examples and the log."""

    def read_it(document, is_training=True, name="cmrc2018"):
        path, log = tmp_path / "data.json", []
        path.write_text(json.dumps(document))
        examples = data_sets.read_examples(
            name, path, is_training, False, "--train_file", log.append
        )
        return examples, log

    return read_it


def complaint_of(read, document, **more):
    with pytest.raises(UserError) as refused:
        read(document, **more)
    assert "\n" not in str(refused.value) and "--train_file" in str(refused.value)
    return str(refused.value)


# Words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("由韩国Nexon开发。", "由 韩 国 Nexon 开 发 。"),
        ("（“Macropus eugenii”）", "（ “ Macropus eugenii ” ）"),
        ("《跑·跑》、「卡」：『丁』；车！？", "《 跑 · 跑 》 、 「 卡 」 ： 『 丁 』 ； 车 ！ ？"),
        ("在7-6胜，3.5%", "在 7 - 6 胜 ， 3.5%"),
        ("-{zh-hant:猴;zh-tw:猿}-", "- {zh - hant: 猴 ; zh - tw: 猿 } -"),
        ("ひらがな カタカナ 한국", "ひらがな カタカナ 한국"),
        ("㐀\U00020000\uf900a", "㐀 \U00020000 \uf900 a"),
        (" \t\r\n\u202f", ""),
        ("", ""),
    ],
)
def test_chinese_characters_and_usual_signs_are_words_of_their_own(text, words):
    assert words_of(text)[0] == words.split(" ") * bool(words)


def slow_words(text):
    """Character by character, with the CJK blocks and signs spelt out."""
    signs = set('，。、；：？！（）「」『』《》“”‘’—－～,;()"$-~')
    words, new = [], True
    for c in text:
        code = ord(c)
        alone = (
            c in signs
            or 0x4E00 <= code <= 0x9FFF
            or 0x3400 <= code <= 0x4DBF
            or 0x20000 <= code <= 0x2A6DF
            or 0x2A700 <= code <= 0x2B73F
            or 0x2B740 <= code <= 0x2B81F
            or 0x2B820 <= code <= 0x2CEAF
            or 0xF900 <= code <= 0xFAFF
            or 0x2F800 <= code <= 0x2FA1F
        )
        if c in " \t\r\n\u202f":
            new = True
        elif alone:
            words.append(c)
            new = True
        elif new:
            words.append(c)
            new = False
        else:
            words[-1] += c
    return words


@given(
    st.text(
        st.sampled_from("中国，。（-~·a1. \t\u3000\u202f\u9fff\ua000\u33ff㐀\U0002ceaf\U0002ceb0")
    )
)
def test_words_are_those_of_a_slow_reader(text):
    words, starts = words_of(text)
    assert words == slow_words(text)
    assert [text[start : start + len(word)] for word, start in zip(words, starts)] == words


# Offsets ----------------------------------------------------------------------------------------


@given(
    st.text(st.sampled_from("甲乙"), max_size=12),
    st.text(st.sampled_from("甲乙"), min_size=1, max_size=3),
    st.integers(-5, 16),
)
def test_an_answer_is_looked_for_up_to_three_characters_to_the_left(passage, answer, offset):
    expected = None
    for shift in (0, 1, 2, 3):
        start = offset - shift
        if start >= 0 and passage[start : start + len(answer)] == answer:
            expected = start
            break
    assert find_answer(passage, answer, offset) == expected


def one_question(passage, answer, offset):
    answers = [{"text": answer, "answer_start": offset}]
    qas = [{"id": "DEV_0_QUERY_0", "question": "何？", "answers": answers}]
    return {"data": [{"paragraphs": [{"context": passage, "qas": qas}]}]}


@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_a_moved_answer_is_found_again_and_counted(read, shift):
    passage = "玩家以水枪、小枪、锤子泡封敌人。"
    (example,), log = read(one_question(passage, "小枪、锤子", 6 + shift))
    assert example.words[example.start_word : example.end_word + 1] == list("小枪、锤子")
    told = [line for line in log if "1 of 1 answers" in line and "3 characters before" in line]
    assert len(told) == (shift > 0)


@pytest.mark.parametrize("shift", [4, -1, 100, -7])
def test_an_answer_farther_off_is_left_out_and_counted(read, shift):
    document = chinese.squads_form()
    qas = [qa for paragraph in document["data"][0]["paragraphs"] for qa in paragraph["qas"]]
    moved = one_question("玩家以水枪、小枪、锤子泡封敌人。", "小枪、锤子", 6 + shift)
    moved["data"][0]["paragraphs"][0]["qas"][0]["id"] = "moved"
    document["data"] += moved["data"]
    examples, log = read(document)
    assert [example.question_id for example in examples] == [qa["id"] for qa in qas]
    (line,) = log
    assert "1 of 17 answers" in line and "id moved" in line and "left out" in line


def test_many_answers_that_are_not_there_are_an_error(read):
    assert "1 of 1 answers" in complaint_of(read, one_question("玩家", "水枪", 0))
    assert "1 of 1 answers" in complaint_of(read, one_question("玩家", " ", 0))


def test_white_space_at_its_ends_is_no_part_of_an_answer(read):
    (example,), _ = read(one_question("由 Nexon 开发", " Nexon ", 1))
    assert (example.start_word, example.end_word, example.answer_text) == (1, 1, "Nexon")


def test_the_trial_data_is_read_whole(shared):
    """Of its 1,002 answers five stand a character before their offset."""
    log = []
    path = shared / "data" / "cmrc2018_trial.json"
    examples = data_sets.read_examples("cmrc2018", path, True, False, "--train_file", log.append)
    assert len(examples) == 1002
    (line,) = log
    assert "5 of 1002 answers stand" in line
    begin_with_a_sign = 0
    for example in examples:
        held = "".join(example.words[example.start_word : example.end_word + 1])
        answer = example.answer_text.replace(" ", "")
        begin_with_a_sign += answer[0] == "。" and answer not in held
        assert answer.lstrip("。") in held
    assert begin_with_a_sign == 1


# The two forms ----------------------------------------------------------------------------------


def test_both_forms_give_the_same_examples(read):
    squads, _ = read(chinese.squads_form())
    own, log = read(chinese.own_form())
    assert len(squads) == chinese.NUM_QUESTIONS
    assert log == []
    for a, b in zip(squads, own):
        assert (a.question_id, a.question, a.passage, a.words, a.answer_text) == (
            b.question_id,
            b.question,
            b.passage,
            b.words,
            b.answer_text,
        )
        assert (a.start_word, a.end_word) == (b.start_word, b.end_word)


def test_of_an_answer_without_offset_the_first_place_counts_and_doubt_is_told(read):
    qas = [{"query_id": "D_0_QUERY_0", "query_text": "何？", "answers": ["水枪"]}]
    (example,), log = read([{"context_text": "以水枪、水枪泡封", "qas": qas}])
    assert (example.start_word, example.end_word) == (1, 2)
    assert "1 of 1 answers have no 'answer_start'" in log[0] and "first place" in log[0]


def test_without_answers_it_can_be_decoded_but_not_trained_on(read):
    for document in (chinese.squads_form(), chinese.own_form()):
        entries = document if isinstance(document, list) else document["data"][0]["paragraphs"]
        del entries[1]["qas"][1]["answers"]
        examples, _ = read(document, is_training=False)
        assert len(examples) == chinese.NUM_QUESTIONS
        assert examples[0].start_word is None
        assert "qas[1]: no 'answers'" in complaint_of(read, document)


def test_of_several_answers_the_first_counts(read):
    document = chinese.own_form()
    document[0]["qas"][0]["answers"].append("别的")
    examples, log = read(document)
    assert examples[0].answer_text == document[0]["qas"][0]["answers"][0]
    assert "1 questions have several answers" in log[0]


def changed(document, change):
    document = copy.deepcopy(document)
    change(document)
    return document


OWN, SQUADS = chinese.own_form(), chinese.squads_form()
WRONG = {
    "neither form": ({"questions": []}, "neither CMRC 2018's own form"),
    "a number": (7, "neither CMRC 2018's own form"),
    "empty": ([], "has no question"),
    "a list of texts": (["x"], "[0]: not CMRC 2018's shape"),
    "no passage": (changed(OWN, lambda d: d[2].pop("context_text")), "[2]: no 'context_text'"),
    "no id": (changed(OWN, lambda d: d[0]["qas"][1].pop("query_id")), "[0].qas[1]: no 'query_id'"),
    "answer not a text": (
        changed(OWN, lambda d: d[0]["qas"][0].update(answers=[None])),
        "[0].qas[0].answers[0]: a text was expected",
    ),
    "no answer": (
        changed(OWN, lambda d: d[0]["qas"][0].update(answers=[])),
        "[0].qas[0]: 'answers' is empty",
    ),
    "id twice": (
        changed(OWN, lambda d: d[0]["qas"][1].update(query_id="DEV_0_QUERY_0")),
        "[0].qas[1]: id DEV_0_QUERY_0 is already that of [0].qas[0]",
    ),
    "squad's form, no question": (
        changed(SQUADS, lambda d: d["data"][0]["paragraphs"][1]["qas"][0].pop("question")),
        "data[0].paragraphs[1].qas[0]: no 'question'",
    ),
    "squad's form, offset a text": (
        changed(
            SQUADS,
            lambda d: d["data"][0]["paragraphs"][0]["qas"][0]["answers"][0].update(
                answer_start="7"
            ),
        ),
        "data[0].paragraphs[0].qas[0].answers[0]: 'answer_start' is not a whole number",
    ),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_file_is_refused_in_one_line_that_says_where(name, read):
    document, complaint = WRONG[name]
    assert complaint in complaint_of(read, document)


def test_a_word_of_chinese_does_not_make_a_file_chinese(read):
    _, log = read(one_question("mostly 英语 in here", "英语", 7), name="squad")
    assert log == []
