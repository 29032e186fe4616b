"""Files as annotators, tools and the hub write them: read alike by all, or named truly.

Training and decoding read through data_sets.read_examples; the commands that score and show read
through their main.
"""

import contextlib
import io
import json
import re

import numpy as np
import pytest

import eval_cmrc2018
import eval_squad
import get_results
import report
from common.command_line import UserError
from maps.tables import read_results
from spans import data_sets
from spans.windows import make_windows
from tests.support.refusals import refusal
from tokenization import Tokenizer, load_vocabulary
from zones.cells import BASELINE, cells_of, file_name

PASSAGE = (
    "The lighthouse at Skagen was built in 1858 by Niels Sigfred Nebelong. It is 46 metres high."
)
ANSWERS = ("1858", "Niels Sigfred Nebelong", "46 metres")


def qa(question_id, answer, context=PASSAGE, **more):
    answers = [] if answer is None else [{"text": answer, "answer_start": context.index(answer)}]
    return {"id": question_id, "question": "Which?", "answers": answers, **more}


def document(qas, context=PASSAGE):
    return {
        "version": "1.1",
        "data": [{"title": "Skagen", "paragraphs": [{"context": context, "qas": list(qas)}]}],
    }


GOOD = document(qa("q%d" % number, answer) for number, answer in enumerate(ANSWERS))
PREDICTIONS = {"q%d" % number: answer for number, answer in enumerate(ANSWERS)}


class Brought:
    """A data file that somebody brings, and predictions for it, of one layer."""

    def __init__(self, folder):
        self.folder, self.data = folder, folder / "data.json"
        self.predictions = folder / "prediction"
        self.predictions.mkdir()
        self.log = []

    def write(self, data, predictions):
        if isinstance(data, bytes):
            self.data.write_bytes(data)
        else:
            self.data.write_text(data if isinstance(data, str) else json.dumps(data))
        for cell in [BASELINE, *cells_of(1)]:
            path = self.predictions / file_name("predictions", cell)
            path.write_text(json.dumps(predictions))
        return self

    def examples(self, is_training, version_2=False, name="squad"):
        flag = "--train_file" if is_training else "--predict_file"
        return data_sets.read_examples(
            name, self.data, is_training, version_2, flag, self.log.append
        )

    def commands(self, *more):
        """The commands that score and show: (main, arguments)."""
        baseline = self.predictions / file_name("predictions", BASELINE)
        table, page = self.folder / "results.csv", self.folder / "report.html"
        return [
            (eval_squad.main, [self.data, baseline, *more]),
            (get_results.main, [self.predictions, table, "--data-file", self.data, *more]),
            (report.main, [self.predictions, self.data, page, *more]),
        ]

    def scored(self, *more):
        """What eval_squad.py prints, once the table is found to say the same; report.py runs."""
        printed, said = [], []
        for main, argv in self.commands(*more):
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main([str(argument) for argument in argv])
            printed.append(out.getvalue())
            said.append(err.getvalue())
        self.said = said
        result = json.loads(printed[0])
        exact = result.get("exact", result.get("EM"))
        assert read_results(self.folder / "results.csv").values == pytest.approx(exact, abs=5e-4)
        return result


@pytest.fixture
def brought(tmp_path):
    return Brought(tmp_path)


def refused_by_all(brought, capsys, *parts):
    """Asserts that each use of the data is refused in one line that has these parts."""
    lines = []
    for is_training in (True, False):
        with pytest.raises(UserError) as refused:
            brought.examples(is_training)
        lines.append(str(refused.value))
    before = sorted(brought.folder.rglob("*"))
    lines += [refusal(capsys, main, *argv) for main, argv in brought.commands()]
    assert sorted(brought.folder.rglob("*")) == before
    for line in lines:
        assert str(brought.data) in line and "\n" not in line
        for part in parts:
            assert part in line
    return lines


# White space around an answer --------------------------------------------------------------------

SPACES = [
    " ",
    "\n",
    "\t",
    "\r\n",
    "\u00a0",
    "\u3000",
    "\u2009",
    "\u202f",
    "\x1f",
    "\u200b",
    "\ufeff ",
]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("is_in_passage", [True, False])
@pytest.mark.parametrize("words", [("the", "beach", "Skagen"), ("Skagen", "beach"), ("Skagen",)])
def test_white_space_around_an_answer_is_no_part_of_it(brought, space, is_in_passage, words):
    """At the passage's end, at its start and alone in it."""
    context = " ".join(words)
    first = context.index("Skagen")
    for before, after in ((space, ""), ("", space), (space * 2, space)):
        start, passage = first - len(before), context
        if is_in_passage:
            passage = context.replace("Skagen", before + "Skagen" + after)
            start = first
        asked = qa("q0", None)
        asked["answers"] = [{"text": before + "Skagen" + after, "answer_start": start}]
        brought.write(document([asked], passage), {"q0": "Skagen"})
        (example,) = brought.examples(is_training=True)
        span = example.words[example.start_word : example.end_word + 1]
        assert (example.answer_text, len(span)) == ("Skagen", 1)
        assert "Skagen" in span[0]
    assert brought.log == []


def test_an_offset_may_be_that_of_the_answers_own_start(brought):
    asked = qa("q0", None)
    asked["answers"] = [{"text": " The light", "answer_start": 0}]
    brought.write(document([asked], "The light"), {"q0": ""})
    (example,) = brought.examples(is_training=True)
    assert (example.start_word, example.end_word, example.answer_text) == (0, 1, "The light")


def test_the_case_of_the_trailing_space(brought, shared, capsys):
    brought.data = shared / "cases" / "trailing_space_end.json"
    for example in brought.examples(is_training=True):
        assert example.words[example.start_word : example.end_word + 1] == ["Skagen"]


# Questions without an answer ---------------------------------------------------------------------

NO_ANSWER = {
    "empty": {"answers": []},
    "not impossible": {"answers": [], "is_impossible": False},
    "null": {"answers": [], "is_impossible": None},
    "impossible": {"answers": [], "is_impossible": True},
    "impossible, not listed": {"is_impossible": True},
    "columns": {"answers": {"text": [], "answer_start": []}},
    "plausible": {"answers": [], "is_impossible": True, "plausible_answers": [{"text": "46"}]},
}


@pytest.mark.parametrize("name", NO_ANSWER)
def test_questions_without_an_answer_are_those_of_version_2(brought, name):
    unanswerable = {"id": "n1", "question": "Who?", **NO_ANSWER[name]}
    data = document([*GOOD["data"][0]["paragraphs"][0]["qas"], unanswerable])
    brought.write(data, {**PREDICTIONS, "n1": ""})
    for is_training in (True, False):
        brought.log.clear()
        examples = brought.examples(is_training, version_2=True)
        assert [example.question_id for example in examples] == ["q0", "q1", "q2", "n1"]
        assert [e.is_impossible for e in examples] == [False] * 3 + [is_training]
        found = (examples[3].answer_text, examples[3].start_word, examples[3].end_word)
        assert found == (("", -1, -1) if is_training else (None, None, None))
        assert brought.log == ["%s: 4 questions, 1 of them unanswerable" % brought.data]
        with pytest.raises(UserError) as refused:
            brought.examples(is_training)
        told = str(refused.value)
        assert "paragraphs[0].qas[3]: " in told and "--version_2_with_negative=True" in told
    result = brought.scored()
    assert (result["total"], result["HasAns_total"], result["NoAns_total"]) == (4, 3, 1)
    assert (result["exact"], result["NoAns_exact"]) == (100.0, 100.0)


def test_an_answer_without_text_is_none_in_version_2_and_misplaced_in_version_1(brought):
    asked = [qa("q%d" % number, "1858") for number in range(10)]
    asked[0]["answers"] = [{"text": " ", "answer_start": -1}]
    brought.write(document(asked), {})
    examples = brought.examples(is_training=True, version_2=True)
    assert [example.is_impossible for example in examples] == [True] + [False] * 9
    brought.log.clear()
    assert len(brought.examples(is_training=True)) == 9
    assert "1 of 10 answers are not at" in brought.log[0] and "offsets are" not in brought.log[0]


# Numbers where texts are expected, and the other way round ---------------------------------------


def test_ids_that_are_numbers_are_read_as_texts(brought):
    asked = [qa(341000, "1858"), qa(341001.0, "46 metres"), qa("x", "high")]
    brought.write(document(asked), {"341000": "1858", "341001.0": "46 metres", "x": "high"})
    for is_training in (True, False):
        ids = [example.question_id for example in brought.examples(is_training)]
        assert ids == ["341000", "341001.0", "x"]
    assert brought.scored()["exact"] == 100.0


def test_the_number_and_its_text_are_one_id(brought, capsys):
    brought.write(document([qa(1, "1858"), qa("1", "high")]), {"1": "1858"})
    refused_by_all(brought, capsys, "qas[1]: id 1 is already that of data[0].paragraphs[0].qas[0]")


def test_offsets_with_a_point_are_whole_numbers(brought):
    asked = [qa("q%d" % number, answer) for number, answer in enumerate(ANSWERS)]
    for question in asked:
        question["answers"][0]["answer_start"] += 0.0
    brought.write(document(asked), PREDICTIONS)
    assert [e.answer_text for e in brought.examples(is_training=True)] == list(ANSWERS)
    assert brought.scored()["exact"] == 100.0
    place = '["1858",%d]' % PASSAGE.index("1858")
    assert place in (brought.folder / "report.html").read_text()


@pytest.mark.parametrize("start", [float("nan"), -float("inf"), None, "38", 38.5, True, [38], {}])
def test_other_offsets_are_refused_by_all(brought, capsys, start):
    asked = qa("q0", None)
    asked["answers"] = [{"text": "1858", "answer_start": start}]
    brought.write(document([asked]), {"q0": "1858"})
    refused_by_all(
        brought,
        capsys,
        "data[0].paragraphs[0].qas[0].answers[0]: 'answer_start' is not a whole number",
    )


def test_an_answer_that_is_a_number_is_its_text(brought):
    asked = qa("q0", "1858")
    asked["answers"][0]["text"] = 1858
    brought.write(document([asked]), {"q0": "1858"})
    assert brought.examples(is_training=True)[0].answer_text == "1858"
    assert brought.scored()["exact"] == 100.0


# Other forms -------------------------------------------------------------------------------------


def test_answers_in_columns_are_those_in_rows(brought):
    asked = [qa("q%d" % number, answer, extra=None) for number, answer in enumerate(ANSWERS)]
    for question in asked:
        ((text, start),) = [tuple(answer.values()) for answer in question["answers"]]
        question["answers"] = {"text": [text, "x"], "answer_start": [start, 0], "answer_id": [1, 2]}
    brought.write({**document(asked), "extra": {"made by": "a tool"}}, PREDICTIONS)
    assert [e.answer_text for e in brought.examples(is_training=True)] == list(ANSWERS)
    assert brought.scored()["exact"] == 100.0


def test_one_answer_needs_no_list(brought):
    asked = [dict(qa("q0", "1858"), answers={"text": "1858", "answer_start": 38.0})]
    brought.write(document([*asked, qa("q1", "46 metres")]), {"q0": "1858", "q1": "46 metres"})
    examples = brought.examples(is_training=True)
    assert [(e.answer_text, e.start_word) for e in examples] == [("1858", 7), ("46 metres", 14)]
    assert brought.scored()["exact"] == 100.0


def test_columns_of_different_lengths_are_refused(brought, capsys):
    asked = qa("q0", None)
    asked["answers"] = {"text": ["a", "b"], "answer_start": [1]}
    brought.write(document([asked]), {"q0": ""})
    refused_by_all(brought, capsys, "qas[0].answers: 2 texts, but 1 offsets")


def rows():
    """The table that the hub has of GOOD: one row for each question."""
    return [
        {
            "id": question["id"],
            "title": "S",
            "context": PASSAGE,
            "question": question["question"],
            "answers": {
                "text": [answer["text"] for answer in question["answers"]],
                "answer_start": [answer["answer_start"] for answer in question["answers"]],
            },
        }
        for question in GOOD["data"][0]["paragraphs"][0]["qas"]
    ]


def test_rows_of_the_hub_may_stand_under_data(brought):
    brought.write(GOOD, PREDICTIONS)
    before = brought.examples(is_training=True)
    page = brought.scored() and page_of(brought)
    brought.write({"data": rows()}, PREDICTIONS)
    assert brought.examples(is_training=True) == before
    assert before[0].words is before[1].words
    assert brought.scored()["exact"] == 100.0
    # The passage that each row repeats is shown as one.
    assert page_of(brought) == page


def page_of(brought):
    """The report's page, but for which file its questions came from."""
    page = (brought.folder / "report.html").read_text()
    fingerprint = re.compile(r"SHA-256 [0-9a-f]{16}")
    assert fingerprint.search(page)
    return fingerprint.sub("", page)


OTHER_FORMS = {
    "json lines": ("\n".join(map(json.dumps, rows())), ["is JSON Lines", "SQuAD's form is {"]),
    "rows": (json.dumps(rows()), ["the top level: a list, which SQuAD's form has under 'data'"]),
    "one row": (json.dumps(rows()[0]), ['write {"data": [...]} with such entries in it']),
    "columns": ('{"context": {"0": "a"}, "id": {"0": "q"}}', ["top level: no 'data', which SQuAD"]),
    "a site's reply": ('{"error": "Repository not found"}', ["top level: no 'data', which SQuAD"]),
    "articles": (json.dumps(GOOD["data"]), ["under 'data'; write {\"data\": [...]}"]),
    "paragraphs": (json.dumps(GOOD["data"][0]["paragraphs"]), ["under 'data'"]),
    "cut": (json.dumps(GOOD)[:-40], ["its end is missing", "cut short"]),
    "damaged": (json.dumps(GOOD).replace('"context":', '"context"'), ["Expecting ':' delimiter"]),
    "pointer": ("version https://git-lfs.github.com/spec/v1\noid sha256:4\n", ["git lfs pull"]),
    "page": ("<!DOCTYPE html>\n<html>", ["is a web page"]),
    "empty": ("", ["is empty"]),
    "UTF-16": (json.dumps(GOOD).encode("utf-16"), ["is UTF-16 text"]),
    "predictions": (json.dumps(PREDICTIONS), ["it looks like a prediction file"]),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_other_forms_are_named_by_all(brought, capsys, name):
    content, parts = OTHER_FORMS[name]
    lines = refused_by_all(brought.write(content, PREDICTIONS), capsys, *parts)
    for line in lines:
        assert "cmrc2018" not in line
        assert ("cut short" in line) == (name == "cut")


def test_what_a_refusal_says_to_do_helps(brought):
    for entries in (GOOD["data"], GOOD["data"][0]["paragraphs"], rows(), [rows()[0]]):
        brought.write({"data": entries}, PREDICTIONS)
        assert brought.examples(is_training=False)[0].question_id == "q0"


def test_cmrc_2018_is_hinted_at_where_it_is_meant(brought, capsys):
    own = [{"context_id": "D", "context_text": "人", "qas": []}]
    brought.write(own, {"q0": ""})
    with pytest.raises(UserError, match="CMRC 2018's own form; say --dataset=cmrc2018"):
        brought.examples(is_training=True)
    main, argv = brought.commands()[0]
    assert "say --dataset=cmrc2018" in refusal(capsys, main, *argv)
    brought.write(GOOD["data"], PREDICTIONS)
    for name in ("squad", "cmrc2018"):
        with pytest.raises(UserError, match="under 'data'"):
            brought.examples(is_training=True, name=name)


# Offsets in other units --------------------------------------------------------------------------

EMOJI = (
    "\U0001f600\U0001f680 The lighthouse of Skagen was built in 1858. \U0001f389 It is 46 m high."
)
ACCENTS = "Det høje fyr på Skagen er næsten 46 meter højt og står på stranden."
LINES = "The lighthouse\r\nof Skagen\r\nwas built\r\nin 1858 and\r\nis 46 metres\r\nhigh."


def questions_about_words(context, counted):
    """A question about each word, whose offset is ``counted(text before the word)``."""
    asked, place = [], 0
    for number, word in enumerate(context.split()):
        place = context.index(word, place)
        answers = [{"text": word, "answer_start": counted(context[:place])}]
        asked.append({"id": "q%d" % number, "question": "?", "answers": answers})
    return document(asked, context)


@pytest.mark.parametrize(
    "context, counted, unit",
    [
        (EMOJI, lambda text: len(text.encode("utf-16-le")) // 2, "UTF-16 units, as JavaScript"),
        (ACCENTS, lambda text: len(text.encode()), "bytes of UTF-8"),
        (LINES, lambda text: len(text.replace("\r", "")), "characters without \\r"),
        (LINES.replace("\r", ""), lambda t: len(t) + t.count("\n"), "characters with \\r\\n at"),
        ("a b c d e f g", lambda text: len(text) + 1, "characters from 1, not from 0"),
    ],
)
def test_offsets_in_other_units_are_refused_and_the_unit_told(brought, context, counted, unit):
    brought.write(questions_about_words(context, counted), {})
    with pytest.raises(UserError) as refused:
        brought.examples(is_training=True)
    assert "; all answers fit if offsets are counted in " + unit in str(refused.value)
    brought.write(questions_about_words(context, len), {})
    assert len(brought.examples(is_training=True)) == len(context.split())
    assert brought.log == []


def test_so_it_is_for_cmrc_2018(brought):
    context = "灯塔建于1858年，由尼尔斯建造，高46米。"
    data = questions_about_words(" ".join(context), lambda text: len(text.encode()))
    brought.write(data, {})
    with pytest.raises(UserError, match="all answers fit if offsets are counted in bytes"):
        brought.examples(is_training=True, name="cmrc2018")


def test_the_unit_of_a_few_answers_is_told_where_they_are_left_out(brought):
    """Passages with an emoji are rare."""
    asked = [qa("q%d" % number, "1858") for number in range(19)]
    data = document(asked)
    emoji = questions_about_words("\U0001f600\U0001f680\U0001f600 of", lambda text: 7)
    emoji["data"][0]["paragraphs"][0]["qas"] = emoji["data"][0]["paragraphs"][0]["qas"][1:]
    emoji["data"][0]["paragraphs"][0]["qas"][0]["id"] = "emoji"
    data["data"] += emoji["data"]
    brought.write(data, {})
    assert len(brought.examples(is_training=True)) == 19
    assert "left out; all answers fit if offsets are counted in UTF-16 units" in brought.log[0]


def test_no_unit_is_named_where_none_fits(brought):
    asked = [qa("q%d" % number, "1858") for number in range(10)]
    for number in range(5):
        asked[number]["answers"][0]["answer_start"] = 60
    brought.write(document(asked), {})
    with pytest.raises(UserError, match="5 of 10 answers .*; mend the offsets or the texts"):
        brought.examples(is_training=True)


def test_the_case_of_emoji(brought, shared):
    brought.data = shared / "cases" / "emoji_utf16.json"
    with pytest.raises(UserError, match="all answers fit if offsets are counted in UTF-16 units"):
        brought.examples(is_training=True)


# Languages ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cased(shared):
    return Tokenizer(load_vocabulary(shared / "data" / "bert-base-cased-vocab.txt"), False)


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize(
    "name, share, too_long", [("thai", "100.0%", 1), ("japanese", "55.6%", 0), ("good", None, None)]
)
def test_a_language_that_the_vocabulary_does_not_know_is_told_once(
    brought, shared, cased, capsys, is_training, name, share, too_long
):
    brought.data = shared / "cases" / (name + ".json")
    examples = brought.examples(is_training)
    make_windows(examples, cased, 384, 128, 64, is_training)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("NOTE")]
    assert len(told) == (share is not None)
    if told:
        assert "does not know %s of the pieces" % share in told[0]
        assert "not looked up: %d." % too_long in told[0]


CHINESE = "這座燈塔於1858年由尼爾斯建造，高46公尺，位於海灘附近。丹麥與瑞典的船隻每天經過。"


def test_chinese_in_squads_form_is_noted_by_all_and_scored_as_said(brought, capsys):
    asked = [
        qa("1-%d" % n, text, CHINESE) for n, text in enumerate(["尼爾斯", "海灘附近", "46公尺"])
    ]
    predictions = {"1-0": "尼爾斯", "1-1": "位於海灘附近。", "1-2": "46公尺，"}
    brought.write(document(asked, CHINESE), predictions)
    note = (
        "NOTE: %s is Chinese, whose words --dataset=squad does not tell apart; say " % brought.data
    )
    assert brought.scored()["exact"] == pytest.approx(100 / 3)
    for is_training in (True, False):
        brought.examples(is_training)
    told = [text for text in brought.said if note + "--dataset=cmrc2018" in text]
    assert len(told) == 3 and brought.log == [note + "--dataset=cmrc2018"] * 2
    result = brought.scored("--dataset=cmrc2018")
    assert (result["EM"], result["F1"], result["SKIP"]) == (66.667, 93.333, 0)
    assert not any("NOTE" in text for text in brought.said)
    baseline = brought.predictions / "predictions.json"
    eval_cmrc2018.main([str(brought.data), str(baseline)])
    assert json.loads(capsys.readouterr().out) == result
    main, argv = brought.commands("--dataset=cmrc2018", "--na-prob-file", baseline)[0]
    assert "--na-prob-file: with --dataset=cmrc2018" in refusal(capsys, main, *argv)


def test_japanese_is_not_taken_for_chinese(brought):
    context = "東京都は日本の首都であり、世界最大級の都市圏を形成する。"
    brought.write(document([qa("q", "日本", context)], context), {"q": "日本"})
    brought.examples(is_training=True)
    assert brought.scored()["exact"] == 100.0
    assert brought.log == [] and not any("Chinese" in text for text in brought.said)


# CMRC 2018, as published -------------------------------------------------------------------------


def own_form(*answers):
    qas = [{"query_id": "DEV_10_QUERY_2", "query_text": "何時？", "answers": list(answers)}]
    return [{"context_id": "DEV_10", "context_text": "在39764.0或2008年11月12日。", "qas": qas}]


@pytest.mark.parametrize("number, text", [(39764.0, "39764.0"), (2008, "2008")])
def test_a_number_among_the_answers_is_its_text(brought, number, text):
    brought.write(own_form("11月", number), {"DEV_10_QUERY_2": text})
    result = brought.scored("--dataset=cmrc2018")
    assert (result["EM"], result["F1"]) == (100.0, 100.0)
    assert '["%s",-1]' % text in (brought.folder / "report.html").read_text()
    brought.write(own_form(number, "11月"), {})
    (example,) = brought.examples(is_training=True, name="cmrc2018")
    held = "".join(example.words[example.start_word : example.end_word + 1])
    assert example.answer_text == text and text in held
    assert len(brought.examples(is_training=False, name="cmrc2018")) == 1


@pytest.mark.parametrize(
    "answer, first, last",
    [
        ("。我走了", 4, 6),
        ("我走了", 4, 6),
        ("。，我", 4, 6),  # one word on, not two
        ("。", 3, 3),  # nothing would be left
        ("了。我", 2, 4),
        ("！我", 3, 4),  # not one of the signs
        ("：我", 4, 4),
        (".我", 4, 4),
    ],
)
def test_an_answer_that_begins_with_a_sign_starts_one_word_on(brought, answer, first, last):
    sign, *rest = answer
    passage = {"。，我": "他来了。，我走"}.get(answer, "他来了。我走了。")
    passage = passage.replace("。", sign) if sign in "！：." else passage
    asked = {"id": "T_1_QUERY_0", "question": "谁？", "answers": []}
    asked["answers"] = [{"text": answer, "answer_start": passage.index(answer)}]
    brought.write(document([asked], passage), {})
    (example,) = brought.examples(is_training=True, name="cmrc2018")
    found = (example.start_word, example.end_word)
    assert found == ((4, 5) if answer == "。，我" else (first, last))


def test_a_span_is_not_tightened_into_a_latin_word(brought, shared):
    asked = {"id": "T_1_QUERY_0", "question": "谁？", "answers": []}
    passage = "由581b开发"
    asked["answers"] = [{"text": "581", "answer_start": 1}]
    brought.write(document([asked], passage), {})
    tokenizer = Tokenizer(load_vocabulary(shared / "data" / "bert-base-chinese-vocab.txt"), True)
    pieces = {}
    for name in ("cmrc2018", "squad"):
        examples = brought.examples(is_training=True, name=name)
        (window,) = make_windows(examples, tokenizer, 40, 10, 10, True)
        pieces[name] = window.tokens[window.start_position : window.end_position + 1]
    assert pieces == {"cmrc2018": ["58", "##1", "##b"], "squad": ["58", "##1"]}


def test_the_published_forms_of_the_cases(brought, shared, tmp_path):
    brought.data = shared / "cases" / "cmrc_train_answer_begins_with_sign.json"
    (example,) = brought.examples(is_training=True, name="cmrc2018")
    assert example.words[example.start_word : example.end_word + 1] == list("我走了")
    brought.data = shared / "cases" / "cmrc_dev_own_form_number_as_answer.json"
    development = data_sets.development_set(brought.data)
    assert development.score({"DEV_10_QUERY_2": "39764.0"}).exact.tolist() == [1.0]
    assert np.all(development.has_answer)
