"""The report in a real browser: what is shown, clicked, typed, filtered, printed."""

import base64
import json

import pytest

from tests.support import browser
from tests.support.report_files import CELLS, NUM_LAYERS, Folder
from tests.support.shown_report import Shown, number
from zones.cells import BASELINE, PREDICTIONS, Cell, file_name

pytestmark = pytest.mark.slow

ZONES_IN_ORDER = ["ALL", "Q2", "Q2P", "P2Q", "P2"]
PHONE = (375, 700)


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
        squares, p_values = shown.squares(), folder.p_values(keys)
        assert list(squares)[:5] == CELLS[-5:]
        for cell, (change, has_dot, label) in squares.items():
            assert change == pytest.approx(folder.change(cell, keys), abs=0.0501)
            assert label.startswith("%s in layer %d: " % (cell.zone.upper(), cell.layer + 1))
            assert has_dot == (p_values[cell][1] >= 0.05)
            assert label.endswith("not significant" if has_dot else ", significant")
        right = sum(folder.is_right(BASELINE, key) for key in keys)
        reading = "exact match, baseline %.2f\N{NO-BREAK SPACE}%%" % (100 * right / len(keys))
        assert shown.text(".panel .score") == reading
        number_of_all = "" if word == "all" else " of %d" % len(folder.ids)
        wanted = "%d%s questions" % (len(keys), number_of_all)
        assert shown.text("#selected") == wanted
    assert shown.complaints() == []


def test_headings(shown, folder):
    assert shown.texts(".panel thead th") == ["Layer", *ZONES_IN_ORDER]
    assert shown.texts(".panel tbody th") == [str(n) for n in range(NUM_LAYERS, 0, -1)]
    assert shown.text("h1") == "Attention zones: %s on dev" % folder.predictions
    for name in ("prediction", "predictions.json", "dev.json"):
        assert name in shown.text("footer")


def test_the_cell_that_loses_most_is_shown_first(shown, folder):
    worst = min(CELLS, key=lambda cell: folder.change(cell, folder.ids))
    assert shown.square(worst).get_attribute("aria-pressed") == "true"
    assert shown.text("#cell-heading") == "%s masked in layer %d" % (
        worst.zone.upper(),
        worst.layer + 1,
    )


def test_other_maps(session, tmp_path):
    """Heads, runs of layers, every layer: each is a map of its own, with its own squares."""
    folder = Folder(tmp_path)
    copies = {
        Cell(0, "p2q", head=1): CELLS[3],
        Cell(1, "p2q", head=0): CELLS[-1],
        Cell(1, "p2", last_layer=2): CELLS[4],
        Cell(None, "q2"): CELLS[6],
        Cell(0, "union"): CELLS[4],
    }
    for cell, like in copies.items():
        path = folder.predictions / file_name(PREDICTIONS, cell)
        path.write_text(json.dumps(folder.texts[like]))
    shown = Shown(session, folder)
    assert shown.texts("#which-map option") == [
        "layers and zones",
        "every layer at once",
        "2 layers in a row",
        "heads, P2Q",
    ]
    assert shown.texts(".panel .grid:not([hidden]) thead th") == ["Layer", *ZONES_IN_ORDER, "UNION"]
    names = {"1": "Q2 masked in every layer", "2": "P2 masked in layers 2 to 3"}
    for place, name in names.items():
        shown.find("#which-map option[value='%s']" % place).click()
        assert shown.text("#cell-heading") == name
        assert len(shown.texts(".panel .grid:not([hidden]) .square")) == 1
    shown.find("#which-map option[value='3']").click()
    table = ".panel .grid:not([hidden]) "
    assert shown.texts(table + "th") == ["Layer", "1", "2", "2", "1"]
    assert len(shown.texts(table + ".square")) == 2
    for cell, like in list(copies.items())[:2]:
        name = "P2Q in layer %d, head %d: " % (cell.layer + 1, cell.head + 1)
        square = shown.find(table + "[aria-label^='%s']" % name)
        square.click()
        assert shown.text("#cell-heading") == name.replace(" in", " masked in")[:-2]
        assert number(square.text) == pytest.approx(folder.change(like, folder.ids), abs=0.0501)
        assert sorted(shown.all_listed()) == sorted(folder.broken(like, folder.ids))
    shown.filter_by("what")
    keys = with_word(folder, "what")
    assert number(square.text) == pytest.approx(folder.change(like, keys), abs=0.0501)
    assert shown.complaints() == []


# One cell ---------------------------------------------------------------------------------------


def test_clicking_a_square(shown, folder):
    for word, cell in (("all", CELLS[7]), ("what", CELLS[13])):
        shown.filter_by(word)
        shown.square(cell).click()
        keys = with_word(folder, word)
        broken, mended = folder.broken(cell, keys), folder.mended(cell, keys)
        numbers = shown.panel_numbers()
        change = number(numbers["Change, points"][0])
        assert change == pytest.approx(folder.change(cell, keys), abs=0.00501)
        counts = (len(broken), len(mended), len(keys))
        assert numbers["Questions"] == ("%d broken, %d mended, of %d" % counts,)
        right = sum(folder.is_right(cell, key) for key in keys)
        after = "\N{RIGHTWARDS ARROW} %.2f" % (100 * right / len(keys))
        assert numbers["Score, %"][0].endswith(after)
        assert sorted(shown.all_listed()) == sorted(broken)
        shown.find("[data-list=mended]").click()
        assert sorted(shown.all_listed()) == sorted(mended)
        shown.find("[data-list=other]").click()
        same_score = set(keys) - set(broken) - set(mended)
        before, after = folder.texts[BASELINE], folder.texts[cell]
        assert set(shown.all_listed()) == {k for k in same_score if before[k] != after[k]}
        shown.find("[data-list=same]").click()
        assert shown.all_listed() == [k for k in keys if before[k] == after[k]]
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


def test_sorting_by_lists_of_the_cell(session, tmp_path):
    folder = Folder(tmp_path)
    own, cell = folder.write_nbest(BASELINE), CELLS[-1]
    masked = folder.write_nbest(cell)
    shown = Shown(session, folder)
    shown.square(cell).click()
    before, broken = folder.texts[BASELINE], folder.broken(cell, folder.ids)

    def lost(key):
        return round(own[key][before[key]] - masked[key].get(before[key], 0), 3)

    assert shown.all_listed() == sorted(broken, key=lambda key: -lost(key))
    assert "without the mask, minus that with it" in shown.text("#list-note")


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


MARKED = [
    # passage, gold answer and its offset, the masked answer, the passage with it marked
    # Of several places the one at the gold answer counts; else a whole word.
    ("c d e c d", ("d", 8), "c d", "c d e [c d]"),
    ("bat at", ("bat", 0), "at", "b[at] at"),
    ("bat cat bat", ("cat", 4), "bat", "[bat] cat bat"),
    ("attic at", ("none", -1), "at", "attic [at]"),
    # White space and capitals may differ; signs are no pattern.
    ("The  old\nhouse", ("none", -1), "old house", "The  [old\nhouse]"),
    ("The House", ("none", -1), "house", "The [House]"),
    ("cost $4.50 (or 4x50)", ("none", -1), "$4.50 (or", "cost [$4.50 (or] 4x50)"),
    ("\U0001f600 golden", ("\U0001f600", 0), "golden", "\U0001f600 [golden]"),
    ("nothing", ("none", -1), "something", "nothing"),
    ("nothing", ("none", -1), "", "nothing"),
]


def ask_about(folder, cases):
    """Makes the data set one of these passages: (passage, gold and offset, masked answer)."""
    paragraphs, folder.gold = [], {}
    folder.texts = {cell: {} for cell in folder.texts}
    for place, (passage, (gold, start), answer) in enumerate(cases):
        key = "case %d" % place
        folder.gold[key] = gold
        answers = [{"text": gold, "answer_start": start}]
        qas = [{"id": key, "question": "Where?", "answers": answers}]
        paragraphs.append({"context": passage, "qas": qas})
        for cell in folder.texts:
            folder.texts[cell][key] = "-" if cell == BASELINE else answer
    folder.ids = list(folder.gold)
    folder.data["data"][0]["paragraphs"] = paragraphs
    folder.write()


def test_where_an_answer_is_marked(session, tmp_path):
    folder = Folder(tmp_path)
    ask_about(folder, [case[:3] for case in MARKED])
    shown = Shown(session, folder)
    shown.find("[data-list=other]").click()
    assert shown.all_listed() == folder.ids
    with_brackets = shown.js(
        "Array.from(document.querySelectorAll('.passage'), p => Array.from(p.childNodes, n => "
        "n.className && n.className.includes('after') ? '[' + n.textContent + ']' : "
        "n.textContent).join('').replace('][', ''))"
    )
    assert with_brackets == [case[3] for case in MARKED]
    notes = shown.texts(".meta")
    assert "The masked answer stands there 2 times" in notes[0]
    assert "The masked answer does not stand in the passage" in notes[8]
    assert "masked answer" not in notes[9]
    assert shown.texts("li:last-child dd")[2] == "no answer \u2717 wrong"
    assert shown.complaints() == []


# Texts that try to be more than text ------------------------------------------------------------

HOSTILE = [
    "<script>document.title = 'stolen'</script>",
    "</script></p><img src=x onerror=\"document.title = 'stolen'\"><!--",
    "&lt;b&gt; &amp; \"quoted\" 'single' `back` ${1} {{ 1 }} \\u003c",
    "\u202eright to left\u2028line\u2029paragraph",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 12 (abc)",
    "javascript:alert(1) \x01 \ufeff \U0001f600 e\u0301",
]


def test_hostile_text_is_shown_as_text(session, tmp_path):
    folder = Folder(tmp_path)
    paragraphs = folder.data["data"][0]["paragraphs"]
    folder.data["data"][0]["paragraphs"] = paragraphs = paragraphs[: len(HOSTILE)]
    folder.texts = {cell: {} for cell in folder.texts}
    for text, paragraph in zip(HOSTILE, paragraphs):
        paragraph["context"] = "x " + text + " y"
        qa = paragraph["qas"][0]
        paragraph["qas"] = [qa]
        qa.update(id="id " + text, question=text, answers=[{"text": text, "answer_start": 2}])
        for cell in folder.texts:
            folder.texts[cell][qa["id"]] = text if cell == BASELINE else "y" + text
    folder.write()
    shown = Shown(session, folder, "--title", HOSTILE[1])
    assert shown.text("h1") == shown.js("document.title") == HOSTILE[1]
    assert shown.all_listed() == ["id " + text for text in HOSTILE]
    assert shown.texts(".asked") == HOSTILE
    assert shown.texts(".passage") == ["x " + text + " y" for text in HOSTILE]
    for text, lines in zip(HOSTILE, range(0, 3 * len(HOSTILE), 3)):
        gold, before, after = shown.texts(".answers dd")[lines : lines + 3]
        assert (gold, before) == (text, text + " \u2713 right")
        assert after.startswith("y" + text + " \u2717 wrong")
    assert shown.js("document.querySelectorAll('img, script').length") == 2
    assert shown.complaints() == []


# The keyboard -----------------------------------------------------------------------------------


def test_keyboard_in_the_map(shown):
    keys = pytest.importorskip("selenium.webdriver").Keys
    first = CELLS[-5]  # the top row is the last layer
    shown.square(first).click()
    assert shown.focused() == first
    for key, cell in (
        (keys.ARROW_LEFT, first),
        (keys.ARROW_UP, first),
        (keys.ARROW_RIGHT, CELLS[-4]),
        (keys.ARROW_DOWN, CELLS[-9]),
        (keys.END, CELLS[-6]),
        (keys.ARROW_RIGHT, CELLS[-6]),
        (keys.HOME, CELLS[-10]),
        (keys.ARROW_DOWN, CELLS[0]),
        (keys.ARROW_DOWN, CELLS[0]),
    ):
        shown.press(key)
        assert shown.focused() == cell
        # One square is in the tab order: that with the focus.
        assert shown.js("document.querySelectorAll('.square[tabindex=\"0\"]').length") == 1
        assert shown.js("document.activeElement.tabIndex") == 0
    # Moving selects nothing yet; Enter and the space bar do.
    assert shown.text("#cell-heading") == "ALL masked in layer 3"
    shown.press(keys.ENTER)
    assert shown.text("#cell-heading") == "ALL masked in layer 1"
    shown.press(keys.ARROW_RIGHT, keys.SPACE)
    assert shown.text("#cell-heading") == "Q2 masked in layer 1"
    # Before it stand the choice of the score, the lengths, the search and the question words.
    for _ in range(5):
        shown.press(keys.SHIFT + keys.TAB)
    assert shown.focused() == "word-any"
    shown.press(keys.ARROW_RIGHT)
    assert shown.focused() == "word0"
    assert " of 70 questions" in shown.text("#selected")


def test_arrow_keys_in_the_map_do_not_scroll(shown, session):
    keys = pytest.importorskip("selenium.webdriver").Keys
    browser.resize(session, 1280, 500)
    shown.square(CELLS[-5]).click()
    session.execute_script("window.scrollTo(0, 20)")
    shown.press(keys.ARROW_DOWN, keys.ARROW_UP, keys.END, keys.HOME)
    assert shown.focused() == CELLS[-5]
    assert shown.js("window.scrollY") == 20


def test_keyboard_in_the_list(shown, folder):
    keys = pytest.importorskip("selenium.webdriver").Keys
    shown.square(CELLS[-1]).click()
    broken = folder.broken(CELLS[-1], folder.ids)
    assert len(shown.texts("#questions li")) == 10 < len(broken)
    shown.session.execute_script("document.getElementById('more').focus()")
    shown.press(keys.ENTER)
    # The focus is on the first of the new questions.
    assert (
        shown.js(
            "Array.from(document.activeElement.parentNode.children)"
            ".indexOf(document.activeElement)"
        )
        == 10
    )


# Paper, phones, mail ----------------------------------------------------------------------------


def test_a_phone_needs_no_sideways_scrolling(session, tmp_path):
    folder = Folder(tmp_path)
    long_word = "incomprehensibilities" * 20
    ask_about(folder, [("It is %s." % long_word, (long_word, 6), "is " + long_word)] * 1)
    shown = Shown(session, folder, "--title", long_word)
    browser.resize(session, *PHONE)
    for _ in range(2):
        assert shown.js("document.documentElement.scrollWidth") == PHONE[0]
        shown.find("[data-list=other]").click()
    assert shown.texts("#questions li")
    # Fingers need some room.
    sizes = shown.js(
        "Array.from(document.querySelectorAll('.square'), e => " "[e.offsetWidth, e.offsetHeight])"
    )
    assert min(width for width, _ in sizes) >= 40
    assert min(height for _, height in sizes) >= 40


def test_a_click_on_a_phone_leads_to_the_details(shown, session):
    browser.resize(session, 375, 400)
    shown.square(CELLS[3]).click()
    top = shown.js("document.getElementById('details').getBoundingClientRect().top")
    assert 0 <= top < 300


def test_nothing_is_asked_of_the_network(shown, session):
    shown.square(CELLS[4]).click()
    shown.filter_by("what")
    assert browser.requested(session) == [shown.address]
    assert shown.complaints() == []


def test_print_leaves_out_what_only_a_screen_can_do(shown, session):
    session.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        for selector in (".filter", ".tools", "#more", "#map-help", "#choices", "#back"):
            assert not shown.find(selector).is_displayed()
        for selector in ("#maps", "#cell-numbers", "#questions", "#paper", "#questions .mini"):
            assert shown.find(selector).is_displayed()
    finally:
        session.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert base64.b64decode(session.print_page()).startswith(b"%PDF-")


def test_mail_programs_show_the_map_without_the_script(shown, session, folder):
    session.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        session.refresh()
        assert "open this file in a browser" in " ".join(shown.find("header").text.split())
        square = shown.square(CELLS[-1])
        assert number(square.text) == pytest.approx(
            folder.change(CELLS[-1], folder.ids), abs=0.0501
        )
        assert not shown.find("#details").is_displayed()
    finally:
        session.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


# Other data -------------------------------------------------------------------------------------


def test_questions_without_an_answer(session, tmp_path):
    folder = Folder(tmp_path, version_2=True)
    key = next(key for key in folder.ids if not folder.gold[key])
    cell = CELLS[-1]
    folder.texts[BASELINE][key] = ""
    folder.texts[cell][key] = "amber"
    folder.write()
    shown = Shown(session, folder)
    shown.choose("[name=answerable]", "no")
    unanswerable = [key for key in folder.ids if not folder.gold[key]]
    assert shown.squares()[cell][0] == pytest.approx(folder.change(cell, unanswerable), abs=0.0501)
    shown.square(cell).click()
    listed = shown.all_listed()
    assert sorted(listed) == sorted(folder.broken(cell, unanswerable))
    item = "#questions li:nth-child(%d) " % (listed.index(key) + 1)
    assert shown.texts(item + "dd") == ["no answer", "no answer \u2713 right", "amber \u2717 wrong"]


def test_missing_cells_are_empty_and_said_so(session, tmp_path):
    folder = Folder(tmp_path)
    (folder.predictions / file_name(PREDICTIONS, CELLS[7])).unlink()
    shown = Shown(session, folder)
    said = " ".join(shown.text(".missing").split())
    assert said == (
        "1 of 15 squares are empty. %s: q2p in layer 2 is missing; to decode what is missing: "
        "bash decode_squad.sh q2p" % folder.predictions
    )
    assert not [
        notice for notice in shown.texts("header .notice:not([hidden])") if "mail" not in notice
    ]
    assert shown.squares()[CELLS[7]] == (None, False, "Q2P in layer 2: not decoded")
    shown.square(CELLS[7]).click()
    assert "was not decoded" in shown.text("#cell-numbers")
    assert not shown.find("#cell-questions").is_displayed()
    shown.filter_by("what")
    shown.square(CELLS[8]).click()
    assert shown.find("#cell-questions").is_displayed()
    assert shown.complaints() == []
