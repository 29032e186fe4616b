"""The report in a real browser: what is shown, clicked, typed, filtered, printed."""

import base64
import json

import pytest

import report
from attention_zones import BASELINE, PREDICTIONS, file_name
from tests import browser
from tests.report_files import CELLS, NUM_LAYERS, Folder

ZONES_IN_ORDER = ["ALL", "Q2", "Q2P", "P2Q", "P2"]
DESKTOP, PHONE = (1280, 900), (375, 700)
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def session():
    with browser.chromium() as driver:
        yield driver


class Shown:
    """A report in the browser, seen as its reader sees it."""

    def __init__(self, session, folder, *more):
        report.main(folder.argv(*more))
        self.session, self.folder = session, folder
        browser.resize(session, *DESKTOP)
        session.get_log("browser")
        browser.requested(session)
        self.address = (folder.root / "report.html").as_uri()
        session.get(self.address)

    def js(self, script, *arguments):
        return self.session.execute_script("return " + script, *arguments)

    def texts(self, selector):
        return self.js(
            "Array.from(document.querySelectorAll(arguments[0]), e => e.textContent)", selector
        )

    def text(self, selector):
        (text,) = self.texts(selector)
        return text

    def find(self, selector):
        return self.session.find_element("css selector", selector)

    def square(self, cell):
        return self.find('[data-cell="%d"]' % CELLS.index(cell))

    def filter_by(self, label):
        (choice,) = (
            choice
            for choice in self.session.find_elements("css selector", ".choice")
            if choice.text.split("\N{NO-BREAK SPACE}")[0] == label
        )
        choice.find_element("css selector", "input").click()

    def squares(self):
        """Cell -> (number shown, whether it has a dot, its label for screen readers)."""
        rows = self.js(
            "Array.from(document.querySelectorAll('.square'), e => [Number(e.dataset.cell), "
            "e.textContent, e.classList.contains('unsure'), e.getAttribute('aria-label')])"
        )
        return {CELLS[place]: (number(text), *more) for place, text, *more in rows}

    def all_listed(self):
        """Ids of the questions in the list, once all of them are asked for."""
        more = self.find("#more")
        while more.is_displayed():
            more.click()
        return self.texts("#questions .meta bdi")

    def focused(self):
        """What the focus is on: the cell of a square, or the id of another element."""
        place = self.js("document.activeElement.dataset.cell")
        return CELLS[int(place)] if place else self.js("document.activeElement.id")

    def press(self, *keys):
        for key in keys:
            self.session.switch_to.active_element.send_keys(key)

    def complaints(self):
        return [entry["message"] for entry in self.session.get_log("browser")]


def number(text):
    return float(text.replace(MINUS, "-")) if text else None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = Folder(tmp_path_factory.mktemp("report"))
    made.nbest = made.write_nbest(BASELINE)
    return made


@pytest.fixture
def shown(session, folder):
    return Shown(session, folder)


def with_word(folder, word):
    return [key for key in folder.ids if word in ("all", folder.words[key])]


# The map and the filter -------------------------------------------------------------------------


def test_map_of_every_question_word(shown, folder):
    for word in ("all", "who", "when", "how many", "what", "other", "all"):
        shown.filter_by(word)
        keys = with_word(folder, word)
        squares = shown.squares()
        assert list(squares)[:5] == CELLS[-5:]
        for cell, (change, has_dot, label) in squares.items():
            assert change == pytest.approx(folder.change(cell, keys), abs=0.0501)
            assert label.startswith("%s in layer %d: " % (cell.zone.upper(), cell.layer + 1))
            assert label.endswith("not significant" if has_dot else ", significant")
        right = sum(folder.is_right(BASELINE, key) for key in keys)
        reading = "With nothing masked it is %.2f %% of %d question" % (
            100 * right / len(keys),
            len(keys),
        )
        assert reading in shown.text("#reading")
    assert shown.complaints() == []


def test_headings(shown):
    assert shown.texts("#map thead th") == ["Layer", *ZONES_IN_ORDER]
    assert shown.texts("#map tbody th") == [str(n) for n in range(NUM_LAYERS, 0, -1)]
    assert shown.text("h1") == "Attention zones: prediction"
    for name in ("prediction", "predictions.json", "dev.json"):
        assert name in shown.text("footer")


def test_the_cell_that_loses_most_is_shown_first(shown, folder):
    worst = min(CELLS, key=lambda cell: folder.change(cell, folder.ids))
    assert shown.square(worst).get_attribute("aria-pressed") == "true"
    assert shown.text("#cell-heading") == "%s masked in layer %d" % (
        worst.zone.upper(),
        worst.layer + 1,
    )


# One cell ---------------------------------------------------------------------------------------


def test_clicking_a_square(shown, folder):
    for word, cell in (("all", CELLS[7]), ("what", CELLS[13])):
        shown.filter_by(word)
        shown.square(cell).click()
        keys = with_word(folder, word)
        broken, mended = folder.broken(cell, keys), folder.mended(cell, keys)
        change, score, counts, _ = shown.texts("#cell-numbers dd")
        assert number(change.split(" points")[0]) == pytest.approx(
            folder.change(cell, keys), abs=0.00501
        )
        assert counts == "%d broken%d mended" % (len(broken), len(mended))
        right = sum(folder.is_right(cell, key) for key in keys)
        assert "\N{RIGHTWARDS ARROW} %.2f %%" % (100 * right / len(keys)) in score
        assert sorted(shown.all_listed()) == sorted(broken)
        shown.find("[data-list=mended]").click()
        assert sorted(shown.all_listed()) == sorted(mended)
        shown.find("[data-list=other]").click()
        same_score = set(keys) - set(broken) - set(mended)
        before, after = folder.texts[BASELINE], folder.texts[cell]
        assert set(shown.all_listed()) == {k for k in same_score if before[k] != after[k]}
        shown.find("[data-list=broken]").click()
    assert shown.complaints() == []


def test_sorting_by_confidence(shown, folder):
    cell = CELLS[-1]
    shown.square(cell).click()
    broken = folder.broken(cell, folder.ids)
    before, after = folder.texts[BASELINE], folder.texts[cell]

    def lost(key):
        return round(folder.nbest[key][before[key]] - folder.nbest[key].get(after[key], 0), 3)

    assert len(broken) > 10
    assert shown.all_listed() == sorted(broken, key=lambda key: -lost(key))
    assert "from the baseline's n-best list alone" in shown.text("#list-note")
    first = max(broken, key=lost)
    assert "Confidence lost: %.3f." % lost(first) in shown.texts("#questions .meta")[0]
    shown.find("#sort option[value=file]").click()
    assert shown.all_listed() == broken


def test_without_lists_there_is_no_sorting(session, tmp_path):
    folder = Folder(tmp_path)
    shown = Shown(session, folder)
    cell = CELLS[-1]
    shown.square(cell).click()
    assert not shown.find("#sort").is_enabled()
    assert "no n-best file" in shown.text("#list-note")
    assert shown.all_listed() == folder.broken(cell, folder.ids)


def test_a_question_with_its_answers_and_passage(shown, folder):
    cell = CELLS[-1]
    shown.square(cell).click()
    key = shown.all_listed()[0]
    paragraph = folder.data["data"][0]["paragraphs"][int(key.split("-")[0])]
    (question,) = (qa["question"] for qa in paragraph["qas"] if qa["id"] == key)
    item = "#questions li:first-child "
    gold, after = folder.gold[key], folder.texts[cell][key]
    assert shown.text(item + ".asked") == question
    assert shown.texts(item + "dd") == [gold, gold + " \u2713 right", after + " \u2717 wrong"]
    assert shown.text(item + ".passage") == paragraph["context"]
    for kind, text in (("gold", gold), ("before", gold), ("after", after)):
        assert shown.texts(item + ".passage mark." + kind) == [text]


# Marks in passages ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "passage, gold, answer, marked",
    [
        # Of several places the one at the gold answer counts; else a whole word.
        ("a b c a b", ("b", 8), "a b", "a b c [a b]"),
        ("bat at", ("bat", 0), "at", "b[at] at"),
        ("bat cat at", ("cat", 4), "bat", "[bat] cat at"),
        ("attic at", ("none", -1), "at", "attic [at]"),
        # White space and capitals may differ; signs are no pattern.
        ("The  old\nhouse", ("none", -1), "old house", "The  [old\nhouse]"),
        ("The House", ("none", -1), "house", "The [House]"),
        ("cost $4.50 (or 4x50)", ("none", -1), "$4.50 (or", "cost [$4.50 (or] 4x50)"),
        ("\U0001f600 gold", ("gold", 2), "gold", "\U0001f600 [gold]"),
        ("nothing", ("none", -1), "something", "nothing"),
        ("nothing", ("none", -1), "", "nothing"),
    ],
)
def test_where_an_answer_is_marked(session, folder, passage, gold, answer, marked):
    shown = Shown(session, folder) if session.title == "" else None
    if session.title != "Attention zones: prediction":
        shown = Shown(session, folder)
    del shown
