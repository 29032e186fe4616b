"""Reading SQuAD files: words and answers, and files that are not as they should be."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.command_line import UserError
from squad.examples import read_examples

PASSAGE = "Kuro (1895-1943). He\u202fsailed to\u00a0 Lima\tin May."


def question(question_id="q0", text="Where to?", answers=(("Lima", 32),), **more):
    answers = [{"text": answer, "answer_start": start} for answer, start in answers]
    return {"id": question_id, "question": text, "answers": answers, **more}


def document(*questions, context=PASSAGE):
    return {
        "version": "1.1",
        "data": [{"paragraphs": [{"context": context, "qas": list(questions)}]}],
    }


@pytest.fixture
def read(tmp_path):
    """read(document, ...) -> (examples, log lines) through a real file."""

    def read(content, is_training=False, version_2=False):
        path = tmp_path / "set.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        log = []
        flag = "--train_file" if is_training else "--predict_file"
        return read_examples(path, is_training, version_2, flag, log.append), log

    return read


# Good files -------------------------------------------------------------------------------------


def test_prediction_reads_questions_and_no_answers(read):
    (example,), log = read(document(question()))
    assert (example.question_id, example.question, example.passage) == ("q0", "Where to?", PASSAGE)
    assert example.words == "Kuro|(1895-1943).|He|sailed|to\u00a0|Lima|in|May.".split("|")
    assert (example.answer_text, example.start_word, example.end_word) == (None, None, None)
    assert example.is_impossible is False
    assert log == []


def test_prediction_needs_no_answers(read):
    """The answers of test sets are kept secret."""
    for more in ({}, {"answers": []}, {"answers": None}, {"is_impossible": False}):
        (example,), log = read(document({"id": "q0", "question": "?", **more}))
        assert (example.question_id, example.answer_text, log) == ("q0", None, [])


@pytest.mark.parametrize(
    "answer, words",
    [
        ("Lima", (5, 5)),
        ("1895", (1, 1)),
        ("Kuro (1895-1943)", (0, 1)),
        ("He\u202fsailed", (2, 3)),
        ("to\u00a0 Lima\tin", (4, 6)),
        ("May.", (7, 7)),
        ("(", (1, 1)),
    ],
)
def test_training_finds_the_words_of_the_answer(read, answer, words):
    asked = question(answers=[(answer, PASSAGE.index(answer))])
    (example,), log = read(document(asked), is_training=True)
    assert (example.answer_text, example.start_word, example.end_word) == (answer, *words)
    assert log == []


@given(
    st.lists(st.text(alphabet="ab\u00e9.\U0001f600", min_size=1, max_size=4), min_size=1), st.data()
)
def test_any_run_of_characters_is_found_in_its_words(tmp_path_factory, words, data):
    passage = " ".join(words)
    start = data.draw(st.integers(0, len(passage) - 1))
    end = data.draw(st.integers(start + 1, len(passage)))
    if not passage[start:end].strip():
        return
    path = tmp_path_factory.getbasetemp() / "any.json"
    asked = question(answers=[(passage[start:end], start)])
    path.write_text(json.dumps(document(asked, context=passage)))
    (example,) = read_examples(path, True, False)
    # Naive: which word each character belongs to, and white space at the ends to none.
    word_of = [word for word, text in enumerate(words) for _ in text + " "]
    held = [word_of[i] for i in range(start, end) if passage[i] != " "]
    assert (example.start_word, example.end_word) == (held[0], held[-1])
    assert example.answer_text == passage[start:end].strip()


def test_a_file_of_version_1_may_be_read_as_version_2(read):
    (example,), _ = read(document(question()), is_training=True, version_2=True)
    assert example.start_word == 5


def test_real_questions_in_training_and_prediction(golden, capsys):
    path = golden / "questions.json"
    for is_training in (False, True):
        assert len(read_examples(path, is_training, False)) == 177
    assert "reading questions.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "context, text",
    [
        ("", ""),
        (" \n", "?"),
        ("word", ""),
        ("\U0001f600 \x00 \u05e9\u05dc\u05d5\u05dd", "\U0001f600\x00?"),
        ("\ud83d broken", "\udc00"),
        ("w " * 10000, "?"),
    ],
)
def test_odd_texts_go_through(read, context, text):
    (example,), _ = read(document(question(text=text, answers=[]), context=context))
    assert example.question == text
    assert example.words == context.split()


# Answers with something to say about them -------------------------------------------------------


def test_of_several_answers_training_takes_the_first_and_says_so_once(read):
    both = [("Lima", 32), ("May", 40)]
    examples, log = read(
        document(question("a", answers=both), question("b", answers=both)), is_training=True
    )
    assert [example.answer_text for example in examples] == ["Lima", "Lima"]
    assert len(log) == 1
    assert "2 questions have several answers" in log[0]


@pytest.mark.parametrize(
    "answer",
    [
        ("Rome", 32),
        ("Lima.", 32),  # the passage has no full stop there
        ("Lima", 0),
        ("Lima", -5),
        ("Lima", 45),
        ("Lima", 999),
        ("", 3),
        (" ", 4),
        ("Kuro", -1),
        ("May.", 41),
    ],
)
def test_misplaced_answers_are_left_out_and_counted(read, answer):
    good = [question("good%d" % number) for number in range(9)]
    examples, log = read(document(question("bad", answers=[answer]), *good), is_training=True)
    assert [example.question_id for example in examples] == [q["id"] for q in good]
    assert len(log) == 1
    assert "1 of 10 answers" in log[0]
    assert "data[0].paragraphs[0].qas[0], id bad" in log[0]


@pytest.mark.parametrize("good", [0, 8])
def test_more_than_a_tenth_of_misplaced_answers_is_an_error(read, good):
    questions = [question("good%d" % number) for number in range(good)]
    wrong = question("bad", answers=[("Rome", 32)])
    with pytest.raises(UserError, match="--train_file: .*1 of %d answers" % (good + 1)):
        read(document(*questions, wrong), is_training=True)


def test_prediction_does_not_look_at_offsets(read):
    assert len(read(document(question(answers=[("Rome", 999)])))[0]) == 1


# Bad files --------------------------------------------------------------------------------------


def without(node, key):
    return {name: value for name, value in node.items() if name != key}


PLACE = "data[0].paragraphs[0].qas[0]"


@pytest.mark.parametrize(
    "content, complaint",
    [
        ([], "the top level: not SQuAD's shape"),
        ({"version": "1.1"}, "the top level: no 'data'"),
        ({"data": {}}, "'data' is not a list"),
        ({"data": ["x"]}, "data[0]: not SQuAD's shape"),
        ({"data": [{"title": "x"}]}, "data[0]: no 'paragraphs'"),
        ({"data": [{"paragraphs": [{"qas": [question()]}]}]}, "paragraphs[0]: no 'context'"),
        ({"data": [{"paragraphs": [{"context": "x"}]}]}, "data[0].paragraphs[0]: no 'qas'"),
        (document(question(), context=3), "'context' is not a text"),
        (document(question("a"), without(question(), "question")), "qas[1]: no 'question'"),
        (document(without(question(), "id")), PLACE + ": no 'id'"),
        (document({**question(), "id": None}), PLACE + ": 'id' is not a text"),
        (document({**question(), "id": True}), PLACE + ": 'id' is not a text"),
        (document({**question(), "id": float("nan")}), PLACE + ": 'id' is not a text"),
        (document(None), PLACE + ": not SQuAD's shape"),
        (document(question("a"), question("a")), "qas[1]: id a is already that of " + PLACE),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_training", [False, True])
def test_files_of_another_shape_say_where(read, content, complaint, is_training):
    with pytest.raises(
        UserError, match=r"--(train|predict)_file: .*set\.json: .*" + re.escape(complaint)
    ):
        read(content, is_training)


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        (without(question(), "answers"), ": no 'answers'"),
        (question(answers=[]), ": 'answers' is empty"),
        ({**question(), "answers": "Lima"}, ": 'answers' is not a list"),
        ({**question(), "answers": [{"answer_start": 1}]}, ".answers[0]: no 'text'"),
        ({**question(), "answers": [{"text": "x"}]}, ": answers[0] has no 'answer_start'"),
        (question(is_impossible="no"), ": 'is_impossible' is not a truth value: true or false"),
        (question(is_impossible=True), "use --version_2_with_negative=True"),
    ],
)
def test_training_checks_the_answers_as_well(read, wrong, complaint):
    with pytest.raises(
        UserError, match="--train_file: .*" + re.escape(PLACE) + ".*" + re.escape(complaint)
    ):
        read(document(wrong), is_training=True)


@pytest.mark.parametrize("content", [{"data": []}, document()])
def test_a_file_without_questions_is_refused(read, content):
    with pytest.raises(UserError, match="--predict_file: .*has no question in it"):
        read(content)
