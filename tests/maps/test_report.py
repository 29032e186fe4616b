"""The report's file, as it is written: what is in it, that nothing gets out, and mistakes."""

import base64
import hashlib
import html.parser
import itertools
import json
import re
import subprocess
import sys

import pytest

import get_results
import report
from common.sample import Sample, write_sample
from maps.figure import colour_of
from maps.report.questions import (
    QUESTION_WORDS,
    Gold,
    Question,
    as_shown,
    length,
    question_word,
    ranges_of,
)
from spans import data_sets
from tests.support.refusals import refusal
from tests.support.report_files import CELLS, Folder
from zones.cells import BASELINE, NBEST, PREDICTIONS, Cell, file_name
from zones.masks import OFFERED_ZONES


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


class Page(html.parser.HTMLParser):
    """A written report.

    Attributes:
        text: the file.
        tags: (name, attributes) of its elements.
        style, code, data: the style sheet, the script, the value in its JSON.
    """

    def __init__(self, text):
        super().__init__()
        self.text, self.tags, self._raw = text, [], []
        self.feed(text)
        self.style, data, self.code = self._raw
        self.data = json.loads(data)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._raw.append("")

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in ("script", "style") and self.cdata_elem:
            self._raw[-1] += data

    def with_tag(self, wanted):
        return [attributes for tag, attributes in self.tags if tag == wanted]


def written(folder, *more):
    report.main(folder.argv(*more))
    return Page((folder.root / "report.html").read_text(encoding="utf-8"))


def changed_in(data, place, run=0):
    """The changed answers of a cell, as the page unpacks them: id -> (answer, thousandths)."""
    cell, questions = data["runs"][run]["cells"][place], data["questions"]
    indices = itertools.accumulate(cell["questions"])
    lost = cell["lost"] or itertools.repeat(None)
    return {
        questions["id"][index]: (questions["answers"][index][answer], confidence)
        for index, answer, confidence in zip(indices, cell["answers"], lost)
    }


# The numbers ------------------------------------------------------------------------------------


def test_what_filters_ask_of_questions(tmp_path):
    folder = Folder(tmp_path, version_2=True)
    questions = written(folder).data["questions"]
    assert questions["id"] == folder.ids
    assert [QUESTION_WORDS[n] for n in questions["word"]] == [folder.words[k] for k in folder.ids]
    assert [bool(golds) for golds in questions["golds"]] == [
        bool(folder.gold[key]) for key in folder.ids
    ]
    assert questions["answerLength"] == [int(bool(folder.gold[key])) for key in folder.ids]
    assert set(questions["passageLength"]) == {12}


@pytest.mark.parametrize(
    "text, words",
    [("", 0), ("in 2010", 2), ("  a\tb\nc ", 3), ("\u57282010\u5e74", 3), ("\u4e2d\u6587 B", 3)],
)
def test_lengths(text, words):
    assert length(text) == words


@pytest.mark.parametrize(
    "lengths, ranges",
    [
        ([1, 1, 1, 1], [[1, 1]]),
        ([1, 2, 3, 4], [[1, 1], [2, 2], [3, 3], [4, 4]]),
        ([1] * 5 + [2, 3, 4, 9], [[1, 1], [2, 3], [4, 4], [9, 9]]),
        (list(range(1, 101)), [[1, 25], [26, 50], [51, 75], [76, 100]]),
        ([], []),
    ],
)
def test_ranges_of_lengths(lengths, ranges):
    gold = [Gold(" ".join("x" * n), -1) for n in lengths]
    questions = [Question("id", "?", 0, (one,)) for one in gold]
    assert ranges_of([""], questions)["answer"] == ranges


def test_only_changed_answers_are_kept(folder):
    data = written(folder).data
    for place, cell in enumerate(CELLS):
        texts, before = folder.texts[cell], folder.texts[BASELINE]
        assert changed_in(data, place) == {
            key: (texts[key], None) for key in folder.ids if texts[key] != before[key]
        }
    for index, key in enumerate(folder.ids):
        answers = data["questions"]["answers"][index]
        right = data["questions"]["numRight"][index]
        assert [text == folder.gold[key] for text in answers] == [
            place < right for place in range(len(answers))
        ]
        assert answers[data["runs"][0]["baseline"][index]] == folder.texts[BASELINE][key]
        wanted = [10000 * (text == folder.gold[key]) for text in answers]
        assert data["questions"]["f1"][index] == wanted


def test_confidence_with_and_without_lists_of_the_cell(folder):
    own = folder.write_nbest(BASELINE)
    with_lists, without = CELLS[-1], CELLS[-2]
    masked = folder.write_nbest(with_lists)
    data = written(folder).data
    before = folder.texts[BASELINE]
    for cell in (with_lists, without):
        assert data["runs"][0]["cells"][CELLS.index(cell)]["hasLists"] == (cell == with_lists)
        for key, (text, lost) in changed_in(data, CELLS.index(cell)).items():
            left = masked[key].get(before[key], 0) if cell == with_lists else own[key].get(text, 0)
            assert lost == round(1000 * (own[key][before[key]] - left))


def test_lists_are_looked_for_beside_the_baseline(folder):
    folder.write_nbest(BASELINE)
    model = folder.root / "model"
    model.mkdir()
    for kind in (PREDICTIONS, NBEST):
        (folder.predictions / file_name(kind, BASELINE)).rename(model / file_name(kind, BASELINE))
    data = written(folder, "--baseline", str(model / "predictions.json")).data
    assert str(model / "predictions.json") in dict(data["origin"])["Predictions"]
    assert data["runs"][0]["cells"][-1]["lost"]


@pytest.mark.parametrize(
    "question, word",
    [
        ("Who did it?", "who"),
        ("By WHOM was it done", "who"),
        ("Whose is it?", "who"),
        ("what's that?", "what"),
        ("In which of the years when he ruled?", "which"),
        ("How many are there?", "how many"),
        ("at how much ?", "how many"),
        ("How manyfold?", "how"),
        ("Why how?", "why"),
        ("The somewhat older whoever?", "other"),
        ("", "other"),
        ("谁是作者？", "who"),
        ("这本书是什么时候出版的？", "when"),
        ("出版于哪年?", "when"),
        ("他为什么离开那个地方？", "why"),
        ("哪个城市有多少人？", "which"),
        ("什么是B超？", "what"),
        ("他如何看待?", "how"),
        ("请介绍一下作者", "other"),
    ],
)
def test_question_words(question, word):
    assert question_word(question) == word


def test_places_of_gold_answers_count_as_javascript_does(folder):
    paragraph = folder.data["data"][0]["paragraphs"][0]
    paragraph["context"] = "\U0001f600 \u00e9 gold \U0001f600 gold"
    paragraph["qas"][0]["answers"] = [
        {"text": "gold", "answer_start": 4},
        {"text": "gold", "answer_start": 11},
        {"text": "\u00e9", "answer_start": 3},  # one too far
        {"text": "\U0001f600 gold"},
    ]
    folder.write()
    development = data_sets.development_set(folder.data_file)
    passages, (question, *_) = as_shown(development.questions)
    assert passages[question.passage] == paragraph["context"]
    assert question.golds == (("gold", 5), ("\u00e9", -1), ("\U0001f600 gold", -1))


def test_cmrc_2018_in_its_own_form(folder):
    paragraphs = folder.data["data"][0]["paragraphs"]
    in_squads_form = written(folder).data
    folder.data = [
        {
            "context_id": "DEV_%d" % number,
            "context_text": paragraph["context"],
            "title": "",
            "qas": [
                {
                    "query_id": qa["id"],
                    "query_text": qa["question"],
                    "answers": [answer["text"] for answer in qa["answers"]],
                }
                for qa in paragraph["qas"]
            ],
        }
        for number, paragraph in enumerate(paragraphs)
    ]
    folder.write()
    data = written(folder).data
    # The form has no offsets; and these answers are single words, in which the metrics agree.
    for golds in in_squads_form["questions"]["golds"]:
        golds[0][1] = -1
    for one in (data, in_squads_form):
        del one["origin"]  # which has the file's checksum
    assert data == in_squads_form


# Several runs, two readers, where it all comes from ---------------------------------------------


def test_several_runs_and_another_reader(folder):
    second = folder.beside("second", 1)
    third = folder.beside("third", 2)
    (third.predictions / file_name(PREDICTIONS, CELLS[0])).unlink()
    report.main(
        [
            str(folder.predictions),
            str(second.predictions),
            str(folder.data_file),
            "--beside",
            str(third.predictions),
            "--name=A",
            "--name=B",
            str(folder.root / "report.html"),
        ]
    )
    parsed = Page((folder.root / "report.html").read_text(encoding="utf-8"))
    data = parsed.data
    assert data["title"] == "Attention zones: A and B on dev"
    names = [view["name"] for view in data["views"]]
    paths = [str(folder.predictions), str(second.predictions)]
    assert names == ["A, mean of 2 runs", *paths, "B"]
    assert [view["runs"] for view in data["views"]] == [[0, 1], [0], [1], [2]]
    assert data["beside"] == 3
    for number, one in enumerate((folder, second, third)):
        for place, cell in enumerate(CELLS):
            if (one, cell) == (third, CELLS[0]):
                assert data["runs"][number]["cells"][place] is None
                continue
            texts, before = one.texts[cell], one.texts[BASELINE]
            assert changed_in(data, place, number) == {
                key: (texts[key], None) for key in one.ids if texts[key] != before[key]
            }
    mean = [(folder.change(c, folder.ids) + second.change(c, folder.ids)) / 2 for c in CELLS]
    assert data["first"]["changes"] == pytest.approx(mean)


def test_the_title_names_reader_and_data(folder):
    assert written(folder).data["title"] == "Attention zones: %s on dev" % folder.predictions
    assert written(folder, "--name", "BERT").data["title"] == "Attention zones: BERT on dev"
    note = {"origin": "converted", "source": "hub/bert-large-squad/", "flags": {"do_lower_case": 1}}
    (folder.predictions / "reader.json").write_text(json.dumps(note))
    data = written(folder).data
    assert data["title"] == "Attention zones: bert-large-squad on dev"
    assert "reader converted from hub/bert-large-squad/" in dict(data["origin"])["Predictions"]
    assert "flags: do_lower_case=1" in dict(data["origin"])["Predictions"]


def test_where_it_comes_from(folder):
    data = written(folder).data
    lines = dict(data["origin"])
    digest = hashlib.sha256(folder.data_file.read_bytes()).hexdigest()[:16]
    assert lines["Questions"] == "%s (SHA-256 %s)" % (folder.data_file, digest)
    assert lines["Report"] == "report.py " + " ".join(folder.argv())
    assert "numpy" in lines["Versions"]
    assert "Tables" not in lines and data["sample"] is None
    baseline = str(folder.predictions / "predictions.json")
    results = str(folder.root / "results.csv")
    given = ["--data-file", str(folder.data_file), "--baseline", baseline]
    get_results.main([str(folder.predictions), results, *given])
    facts = json.loads((folder.root / "results.json").read_text())
    assert dict(written(folder).data["origin"])["Tables"] == "%s; %s" % (
        facts["command"],
        facts["test"],
    )
    # What is noted of other predictions or other questions says nothing of these.
    for change in ({"runs": [{"name": "other"}]}, {"data": {"sha256": "0"}}, {"runs": 3}):
        (folder.root / "results.json").write_text(json.dumps({**facts, **change}))
        assert "Tables" not in dict(written(folder).data["origin"])


def test_a_sample_is_said_to_be_one(folder):
    """The page holds the sample's questions only, and says what they are."""
    sample = Sample(20, len(folder.ids), 1)
    keys = [folder.ids[place] for place in sample.chosen()]
    for cell, texts in folder.texts.items():
        path = folder.predictions / file_name(PREDICTIONS, cell)
        path.write_text(json.dumps({key: texts[key] for key in keys}))
    write_sample(str(folder.predictions), sample)
    parsed = written(folder)
    assert parsed.data["sample"] == sample.text == "a random sample: 20 of 70 questions"
    assert "The questions are a random sample: 20 of 70 questions." in parsed.text
    assert parsed.data["questions"]["id"] == keys
    wanted = [folder.change(cell, keys) for cell in CELLS]
    assert parsed.data["first"]["changes"] == pytest.approx(wanted)


# The file ---------------------------------------------------------------------------------------


def test_nothing_is_loaded_and_only_its_own_script_may_run(folder):
    parsed = written(folder)
    for _, attributes in parsed.tags:
        assert not {"src", "href", "srcset", "action", "style", "onclick"} & set(attributes)
    assert not re.search(r"https?:|//\w+\.|@import|url\(", parsed.text)
    (policy,) = (
        meta["content"]
        for meta in parsed.with_tag("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    hashes = [
        "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (parsed.style, parsed.code)
    ]
    assert policy.startswith("default-src 'none'; style-src %s; script-src %s;" % tuple(hashes))
    assert "unsafe" not in policy


HOSTILE = "</script><script>alert(1)</script><!-- & \" ' \u2028 \u202e \x00 \ud800 \\ ${1} {{ 1 }}"


def test_hostile_text_stays_in_its_json(folder):
    number_of_tags = len(written(folder).tags)
    paragraph = folder.data["data"][0]["paragraphs"][0]
    paragraph["context"] = paragraph["qas"][0]["question"] = HOSTILE
    for texts in folder.texts.values():
        texts["0-0"] = HOSTILE
    folder.write()
    parsed = written(folder, "--title", "<b>&amp;")
    assert len(parsed.tags) == number_of_tags
    assert parsed.data["passages"][0] == parsed.data["questions"]["text"][0] == HOSTILE
    assert parsed.data["questions"]["answers"][0] == [HOSTILE]
    assert parsed.data["title"] == "<b>&amp;"
    assert "<title>&lt;b&gt;&amp;amp;</title>" in parsed.text


def test_the_map_is_there_without_the_script(folder):
    parsed = written(folder)
    found = re.findall(r'data-cell="(\d+)"\s+class="square (v\d+)">([^<]*)<', parsed.text)
    assert len(found) == len(CELLS)
    fills = dict(re.findall(r"\.(v\d+)\{background:(#[0-9a-f]{6});", parsed.style))
    for place, colour, text in found:
        change = folder.change(CELLS[int(place)], folder.ids)
        assert float(text.replace("\N{MINUS SIGN}", "-")) == pytest.approx(change, abs=0.0501)
        nearest = round(max(-10, min(2, change)), 1)
        assert fills[colour] == colour_of(nearest)[0]
    # The last layer is on top.
    assert [int(place) for place, _, _ in found[:5]] == list(range(len(CELLS) - 5, len(CELLS)))


def test_each_zone_is_explained(folder):
    assert tuple(written(folder).data["readings"]) == OFFERED_ZONES


def test_missing_cells_are_named(folder, capsys):
    missing = [Cell(0, "q2"), Cell(2, "p2")]
    for cell in missing:
        (folder.predictions / file_name(PREDICTIONS, cell)).unlink()
    parsed = written(folder)
    out = capsys.readouterr().out
    (lack,) = parsed.data["missing"]
    assert "2 of 15 squares are empty in it: %s" % lack["what"] in out
    assert "q2 in layer 1 and p2 in layer 3 are missing" in lack["what"]
    assert lack["what"].endswith("bash decode_squad.sh q2 p2")
    for place, cell in enumerate(CELLS):
        gone = cell in missing
        assert (parsed.data["runs"][0]["cells"][place] is None) == gone
        assert (parsed.data["first"]["changes"][place] is None) == gone
    assert re.search(r'data-cell="1"\s+class="square none"><', parsed.text)


def test_as_a_program(folder):
    done = subprocess.run(
        [sys.executable, report.__file__, *folder.argv()],
        cwd=str(folder.root),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    # Of these answers, put there by hand, one file equals the baseline's.
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 0
    assert line.startswith("WARNING: ") and "predictions_layer0_all.json" in line
    assert b"wrote " in done.stdout
    assert (folder.root / "report.html").stat().st_size > 10000


# Mistakes ---------------------------------------------------------------------------------------


def refused(capsys, folder, *more, argv=None):
    """The line that refuses; an older report stays as it was."""
    (folder.root / "report.html").write_text("old")
    line = refusal(capsys, report.main, *(argv or folder.argv(*more)))
    assert (folder.root / "report.html").read_text() == "old"
    assert not [path for path in folder.root.iterdir() if ".tmp" in path.name]
    return line


def test_refuses_a_folder_without_baseline(folder, capsys):
    (folder.predictions / "predictions.json").unlink()
    line = refused(capsys, folder)
    assert "has no predictions.json, the answers with nothing masked" in line
    assert "--baseline FILE" in line
    line = refused(capsys, folder, "--baseline", str(folder.root / "none.json"))
    assert "baseline file: there is no file" in line


@pytest.mark.parametrize(
    "name, content, part",
    [
        ("dev.json", "{", "data file: "),
        ("dev.json", '{"data": [{"paragraphs": [{"qas": []}]}]}', "no question in it"),
        ("prediction/predictions.json", "[]", "baseline file: "),
        ("prediction/predictions_layer1_q2.json", "{}", "lacks 70 of the 70 questions"),
        ("prediction/predictions_layer1_q2.json", '{"0-0": "a', "is not JSON"),
        ("prediction/nbest_predictions.json", '{"0-0": [{"text": "a"}]}', "n-best file: "),
        ("prediction/nbest_predictions.json", "[]", "does not hold lists of texts"),
        *(
            (
                "prediction/nbest_predictions.json",
                '{"0-0": [{"text": %s, "probability": %s}]}' % (text, probability),
                "does not hold lists of texts",
            )
            for text, probability in [
                ('"a"', "NaN"),
                ('"a"', "Infinity"),
                ('"a"', "-0.1"),
                ('"a"', '"x"'),
                ("7", "0.5"),
                ("null", "0.5"),
                ('"a"', "null"),
                ('"a"', "1" * 400),
            ]
        ),
    ],
)
def test_refuses_other_files(folder, capsys, name, content, part):
    (folder.root / name).write_text(content)
    line = refused(capsys, folder)
    assert part in line
    assert name.split("/")[-1] in line


def test_swapped_arguments_are_recognised(folder, capsys):
    line = refused(capsys, folder, argv=folder.argv()[1::-1] + folder.argv()[2:])
    assert line.endswith("write them as in: report.py prediction squad/dev-v1.1.json report.html")


def test_a_title_in_bytes_that_are_no_text(folder):
    assert report.main([*map(str, folder.argv()), "--title", "caf\udce9"]) is None
    assert "caf?" in (folder.root / "report.html").read_text("utf-8")


def test_refuses_more_names_than_readers(folder, capsys):
    line = refused(capsys, folder, "--name=A", "--name=B")
    assert "--name: 2 names for 1 reader;" in line


def test_refuses_a_report_that_is_no_page(folder, capsys):
    argv = [*folder.argv()[:2], folder.root / "report.pdf"]
    assert "report.pdf does not end in .html" in refused(capsys, folder, argv=argv)
    argv = [*folder.argv()[:2], folder.root / "none" / "report.html"]
    assert "there is no directory" in refused(capsys, folder, argv=argv)
