"""What people do with a report, in a real browser: compare readers, search, filter, send, save."""

import csv
import io
import json

import numpy as np
import pytest

import report
from maps.clustered import Clusters, change
from maps.significance import holm
from tests.support import browser
from tests.support.report_files import CELLS, Folder
from tests.support.shown_report import DESKTOP, MINUS, Shown, number
from zones.cells import BASELINE, PREDICTIONS, file_name

pytestmark = pytest.mark.slow

PHONE = (390, 844)
PANELS = "document.querySelectorAll('.panel').length"


def longer_answers(folder):
    """Lets every fifth answer have a word more, so that F1 is not exact match."""
    for cell, texts in folder.texts.items():
        for place, key in enumerate(folder.ids):
            if (place + 3 * (cell.layer or 0)) % 5 == 0 and " " not in texts[key]:
                texts[key] += " onyx"
    folder.write()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = Folder(tmp_path_factory.mktemp("report"))
    longer_answers(made)
    made.write_nbest(BASELINE)
    return made


@pytest.fixture
def shown(session, folder):
    return Shown(session, folder)


@pytest.fixture(scope="module")
def second(folder):
    other = folder.beside("second", 5)
    longer_answers(other)
    return other


def scores(folder, cell, keys, metric):
    of_one = folder.f1 if metric == "f1" else folder.is_right
    return np.array([of_one(cell, key) for key in keys], float)


def wanted_changes(folders, keys, metric):
    """Cell -> (Change over the runs, clustered by passage; its p by Holm)."""
    clusters = Clusters([key.split("-")[0] for key in keys])
    found = {}
    for cell in CELLS:
        differences = [
            scores(one, cell, keys, metric) - scores(one, BASELINE, keys, metric) for one in folders
        ]
        found[cell] = change(np.array(differences), clusters)
    corrected = holm([one.p_value for one in found.values()])
    return {cell: (one, p) for (cell, one), p in zip(found.items(), corrected)}


def check_panel(shown, panel, folders, keys, metric):
    """Every square of a panel against the same formulas in Python."""
    squares = shown.squares(panel)
    for cell, (found, p) in wanted_changes(folders, keys, metric).items():
        value, has_dot, label = squares[cell]
        assert value == pytest.approx(found.change, abs=0.0501)
        low, high = label.split("95 % interval ")[1].split(",")[0].split(" to ")
        assert number(low) == pytest.approx(found.low, abs=0.0501)
        assert number(high) == pytest.approx(found.high, abs=0.0501)
        assert has_dot == (p >= 0.05)


def write_report(folder, *more):
    report.main([*folder.argv(), *more])


# F1, runs, readers ------------------------------------------------------------------------------


def test_f1_beside_exact_match(shown, folder):
    assert shown.js(PANELS) == 1
    shown.choose("[name=metric]", "both")
    assert shown.js(PANELS) == 2
    for panel, metric in enumerate(("exact", "f1")):
        check_panel(shown, panel, [folder], folder.ids, metric)
    right = 100 * scores(folder, BASELINE, folder.ids, "f1").mean()
    assert shown.texts(".panel .score")[1] == "F1, baseline %.2f\N{NO-BREAK SPACE}%%" % right
    shown.filter_by("who")
    keys = [key for key in folder.ids if folder.words[key] == "who"]
    for panel, metric in enumerate(("exact", "f1")):
        check_panel(shown, panel, [folder], keys, metric)
    shown.choose("[name=metric]", "f1")
    assert shown.js(PANELS) == 1
    check_panel(shown, 0, [folder], keys, "f1")
    for cell in (CELLS[3], CELLS[-1]):
        shown.square(cell).click()
        numbers = shown.panel_numbers()
        for column, metric in enumerate(("exact", "f1")):
            found, p = wanted_changes([folder], keys, metric)[cell]
            assert number(numbers["Change, points"][column]) == pytest.approx(
                found.change, abs=0.006
            )
            shown_p = numbers["p, by Holm"][column]
            assert shown_p == ("< 0.001" if p < 0.001 else "%.3f" % p)
            assert numbers["Test"][column] == ("significant" if p < 0.05 else "not significant")
    assert shown.complaints() == []


def test_several_runs(session, folder, second):
    third = folder.beside("third", 6)
    longer_answers(third)
    runs = [folder, second, third]
    shown = Shown(session, folder)  # for the address
    report.main(
        [
            *(str(one.predictions) for one in runs),
            *folder.argv()[1:],
            "--name=BERT",
        ]
    )
    shown.go("")
    assert shown.texts("[name=show] option") == [
        "BERT, mean of 3 runs",
        *(str(one.predictions) for one in runs),
    ]
    for metric in ("exact", "f1"):
        shown.choose("[name=metric]", metric)
        check_panel(shown, 0, runs, folder.ids, metric)
        shown.filter_by("what")
        check_panel(shown, 0, runs, [k for k in folder.ids if folder.words[k] == "what"], metric)
        shown.filter_by("all")
    # A question is broken where it is right in fewer runs.
    shown.square(CELLS[-1]).click()

    def change_of(key):
        cells = (CELLS[-1], BASELINE)
        after, before = (sum(one.is_right(cell, key) for one in runs) for cell in cells)
        return after - before

    assert sorted(shown.all_listed()) == sorted(key for key in folder.ids if change_of(key) < 0)
    assert len(shown.texts("#questions li:first-child .answers dt")) == 4
    shown.find("[data-list=mended]").click()
    assert sorted(shown.all_listed()) == sorted(key for key in folder.ids if change_of(key) > 0)
    # One run alone, and another beside it.
    shown.choose("[name=show]", "3")
    check_panel(shown, 0, [third], folder.ids, "f1")
    shown.choose("[name=beside]", "1")
    check_panel(shown, 1, [folder], folder.ids, "f1")
    assert shown.complaints() == []


def test_two_readers_side_by_side(session, folder, second):
    write_report(folder, "--beside", str(second.predictions), "--name=BERT", "--name=ELECTRA")
    session.get((folder.root / "report.html").as_uri())
    shown = Shown.__new__(Shown)
    shown.session, shown.folder = session, folder
    shown.address = (folder.root / "report.html").as_uri()
    assert shown.text("h1") == session.title == "Attention zones: BERT and ELECTRA on dev"
    assert shown.texts(".panel .reader") == ["BERT", "ELECTRA"]
    check_panel(shown, 0, [folder], folder.ids, "exact")
    check_panel(shown, 1, [second], folder.ids, "exact")
    cell = CELLS[-1]
    session.find_elements("css selector", '[data-cell="%d"]' % CELLS.index(cell))[1].click()
    assert len(shown.js("Array.from(document.querySelectorAll('[aria-pressed=true].square'))")) == 2
    for view, one in enumerate((folder, second)):
        found = number(shown.panel_numbers(view)["Change, points"][0])
        assert found == pytest.approx(one.change(cell, one.ids), abs=0.006)
    # How differently the mask changes them, as compare_results.py counts it.
    both = [
        scores(one, cell, one.ids, "exact") - scores(one, BASELINE, one.ids, "exact")
        for one in (folder, second)
    ]
    clusters = Clusters([key.split("-")[0] for key in folder.ids])
    found = change((both[1] - both[0])[np.newaxis], clusters)
    text = shown.text(".difference")
    assert ("%+.2f points" % found.change).replace("-", MINUS) in text
    assert ("%+.1f to %+.1f" % (found.low, found.high)).replace("-", MINUS) in text
    # What breaks one reader and not the other.
    broken = set(folder.broken(cell, folder.ids))
    there = set(second.broken(cell, second.ids))
    assert set(shown.all_listed()) == broken
    shown.choose("#there", "broken")
    assert set(shown.all_listed()) == broken & there
    before, after = second.texts[BASELINE], second.texts[cell]
    shown.choose("#there", "same")
    assert set(shown.all_listed()) == {key for key in broken if before[key] == after[key]}
    assert len(shown.texts("#questions li:first-child .mini")) == 2
    assert shown.hash()["there"] == "same"
    shown.choose("[name=beside]", "none")
    assert shown.js(PANELS) == 1
    assert shown.hash()["beside"] == "none"
    assert shown.complaints() == []


# Filters and search -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lengths(tmp_path_factory):
    """A Folder whose answers and passages differ in length: (Folder, id -> answer's, passage's)."""
    folder = Folder(tmp_path_factory.mktemp("lengths"), version_2=True)
    known = {}
    for place, paragraph in enumerate(folder.data["data"][0]["paragraphs"]):
        words = 1 + place % 4
        paragraph["context"] += " pebble" * place
        for qa in paragraph["qas"]:
            for answer in qa["answers"]:
                answer["text"] = " ".join([answer["text"], "of", "the", "hills"][:words])
                # A longer gold answer does not count.
                qa["answers"] = [{"text": answer["text"] + " and dales"}, answer]
            has_answer = bool(qa["answers"])
            known[qa["id"]] = (words if has_answer else 0, len(paragraph["context"].split()))
    folder.write()
    return folder, known


def test_filters(session, lengths):
    folder, known = lengths
    shown = Shown(session, folder)
    shown.find("[data-list=same]").click()

    def check(fits, text):
        keys = [key for key in folder.ids if fits(key)]
        assert 0 < len(keys) < len(folder.ids)
        assert shown.text("#selected") == "%d of %d questions" % (len(keys), len(folder.ids))
        listed = set()
        for name in ("broken", "mended", "other", "same"):
            shown.find("[data-list=%s]" % name).click()
            listed.update(shown.all_listed())
        assert listed == set(keys)
        assert shown.hash().items() >= text.items()

    for name, place in (("answer", 0), ("passage", 1)):
        values = [
            v
            for v in shown.js(
                "Array.from(document.querySelectorAll('[name=%s] option'), o => o.value)" % name
            )
            if v != "any"
        ]
        assert len(values) == 4
        for value in values[1:3]:
            low, high = (int(part) for part in (value.split("-") * 2)[:2])
            shown.choose("[name=%s]" % name, value)
            check(lambda key: low <= known[key][place] <= high, {name: value})  # noqa: B023
        shown.choose("[name=%s]" % name, "any")
    for value in ("yes", "no"):
        shown.choose("[name=answerable]", value)
        check(lambda key: bool(folder.gold[key]) == (value == "yes"), {"answerable": value})  # noqa: B023
    shown.choose("[name=answerable]", "yes")
    shown.choose("[name=answer]", "2")
    shown.filter_by("what")
    check(
        lambda key: folder.words[key] == "what" and known[key][0] == 2,
        {"answerable": "yes", "answer": "2", "word": "what"},
    )
    shown.find("#reset").click()
    assert shown.text("#selected") == "70 questions"
    assert "answer" not in shown.hash()
    assert not shown.find("#reset").is_displayed()
    assert shown.complaints() == []


def test_search_in_texts_and_ids(shown, folder):
    paragraphs = folder.data["data"][0]["paragraphs"]
    texts = {
        qa["id"]: [qa["id"], qa["question"], paragraph["context"]]
        for paragraph in paragraphs
        for qa in paragraph["qas"]
    }
    for key in folder.ids:
        texts[key] += [folder.gold[key], *(answers[key] for answers in folder.texts.values())]
    for asked in ("7-1", "TOWER of", "of amber, amber", "garnet onyx", "  who BUILT "):
        shown.search(asked)
        plain = asked.strip().lower()
        keys = [k for k in folder.ids if any(plain in text.lower() for text in texts[k])]
        assert 0 < len(keys) < len(folder.ids), asked
        assert shown.text("#selected") == "%d of 70 questions" % len(keys)
        assert shown.hash()["q"].strip() == asked.strip()
        check_panel(shown, 0, [folder], keys, "exact")
    assert shown.complaints() == []


def test_where_nothing_is_left_the_page_says_so(shown, folder):
    shown.square(CELLS[-1]).click()
    # Of two digits, so that it is in no other id.
    key = next(key for key in folder.broken(CELLS[-1], folder.ids) if len(key) == 4)
    shown.search(key)
    shown.find("[data-list=mended]").click()
    empty = shown.find("#empty")
    assert empty.is_displayed() and empty.text.startswith("Nothing here: this mask mended none")
    assert not shown.find("#key").is_displayed()
    assert not shown.find("#csv-questions").is_enabled()
    shown.find("[data-list=broken]").click()
    assert not empty.is_displayed()
    shown.search("there is no such text")
    assert shown.text("#selected") == "0 of 70 questions"
    assert "Nothing here: no question fits the filters." in shown.text("#cell-numbers")
    assert {square[0] for square in shown.squares().values()} == {None}
    assert shown.squares()[CELLS[0]][2].endswith("no questions")
    shown.find("#reset").click()
    check_panel(shown, 0, [folder], folder.ids, "exact")
    assert shown.complaints() == []


# Addresses --------------------------------------------------------------------------------------


def whole_state(shown):
    """All that is to be seen: texts, squares, choices."""
    return shown.js(
        "[document.body.innerText, Array.from(document.querySelectorAll('.square'), s => "
        "s.getAttribute('aria-label') + s.getAttribute('aria-pressed')), "
        "Array.from(document.querySelectorAll('select, input'), e => e.type === 'radio' ? "
        "e.checked : e.value)]"
    )


def test_every_state_has_an_address(shown, folder):
    states = []
    shown.square(CELLS[8]).click()
    assert shown.hash() == {"layer": "2", "zone": "p2q"}
    states.append((shown.js("location.href"), whole_state(shown)))
    steps = (
        lambda: shown.find("[data-list=mended]").click(),
        lambda: shown.choose("#sort", "file"),
        lambda: shown.choose("[name=metric]", "both"),
        lambda: shown.filter_by("how many"),
        lambda: shown.choose("[name=answer]", "1"),
        lambda: shown.choose("[name=passage]", "12"),
        lambda: shown.search("towers & \u00e9 = #1 +2%"),
        lambda: shown.search("towers"),
    )
    for step in steps:
        step()
        assert whole_state(shown) != states[-1][1]
        states.append((shown.js("location.href"), whole_state(shown)))
    assert len({address for address, _ in states}) == len(states)
    for address, state in reversed(states):
        shown.go(address[len(shown.address) :])
        assert whole_state(shown) == state
    # In a page that is open, too; and back again.
    for address, state in states[:4]:
        shown.session.execute_script("location.hash = arguments[0]", address.split("#")[1])
        shown.js("new Promise(done => setTimeout(done, 50))")
        assert whole_state(shown) == state
    shown.session.back()
    shown.js("new Promise(done => setTimeout(done, 200))")
    assert whole_state(shown) == states[2][1]
    assert shown.complaints() == []


def test_addresses_of_other_cells(session, tmp_path):
    folder = Folder(tmp_path)
    for name in ("1_head2_p2q", "1-2_q2", "_p2"):
        path = folder.predictions / ("predictions_layer%s.json" % name)
        path.write_text(json.dumps(folder.texts[CELLS[5]]))
    shown = Shown(session, folder)
    for address, name in (
        ("#layer=2&head=3&zone=p2q", "P2Q masked in layer 2, head 3"),
        ("#layer=2-3&zone=q2", "Q2 masked in layers 2 to 3"),
        ("#layer=all&zone=p2", "P2 masked in every layer"),
        ("#layer=2&zone=p2q", "P2Q masked in layer 2"),
    ):
        shown.go(address)
        assert shown.text("#cell-heading") == name
        assert shown.js("document.querySelectorAll('.square[aria-pressed=true]').length") == 1
        assert shown.find(".square[aria-pressed=true]").is_displayed()
        shown.find("[data-list=same]").click()
        assert shown.js("location.hash") == address + "&list=same"
    assert shown.complaints() == []


def test_an_address_of_something_else_is_said_to_be_one(shown):
    for address, unknown in (
        ("#layer=99&zone=p2q", "layer=99, zone=p2q"),
        ("#layer=2&zone=p2q&word=whence", "word=whence"),
        ("#<img src=x>", "<img src=x>"),
        ("#show=7&list=__proto__&toString=1", "show=7, list=__proto__, toString=1"),
        ("#answer=long", "answer=long"),
        ("#%E0%A4%A", None),
    ):
        shown.go(address)
        notice = shown.find("#unknown")
        assert notice.is_displayed()
        if unknown:
            assert notice.text == "The address names what is not in this report: " + unknown
        assert shown.text("#cell-heading")
    shown.go("#answer=2-400&layer=2&zone=p2q")  # a range of one's own is offered
    assert not shown.find("#unknown").is_displayed()
    assert shown.text("#selected") == "0 of 70 questions"
    assert shown.js("document.querySelectorAll('img').length") == 0
    assert shown.complaints() == []


def test_the_address_of_one_question(shown, folder):
    shown.square(CELLS[-1]).click()
    key = shown.all_listed()[3]
    shown.find("#questions li:nth-child(4) .meta a").click()
    shown.js("new Promise(done => setTimeout(done, 100))")
    assert shown.hash()["q"] == key
    assert key in shown.all_listed()
    assert shown.text("#cell-heading").startswith("P2 masked in layer 3")


# Which squares break this question --------------------------------------------------------------


def test_small_map_of_a_question(shown, folder):
    shown.square(CELLS[-1]).click()
    for key, place in zip(shown.all_listed()[:5], range(1, 6)):
        item = "#questions li:nth-child(%d) " % place
        cells = shown.js(
            "Array.from(document.querySelectorAll(arguments[0]), e => "
            "[Number(e.dataset.goTo), e.className.split(' ')[0], e.title])",
            item + ".mini [data-go-to]",
        )
        assert len(cells) == len(CELLS)
        for number_of, kind, title in cells:
            cell = CELLS[number_of]
            before, after = (folder.is_right(c, key) for c in (BASELINE, cell))
            if before != after:
                wanted = "broken" if before else "mended"
            else:
                same = folder.texts[cell][key] == folder.texts[BASELINE][key]
                wanted = "same" if same else "other"
            assert kind == wanted, (key, cell)
            assert title.startswith("%s masked in layer %d" % (cell.zone.upper(), cell.layer + 1))
        broken = sum(kind == "broken" for _, kind, _ in cells)
        assert shown.text(item + ".mini caption").startswith("Broken by %d" % broken)
        assert shown.texts(item + ".mini th") == ["ALL", "Q2", "Q2P", "P2Q", "P2", "3", "2", "1"]
    # A click leads to that square.
    goal = shown.find("#questions li .mini [data-go-to='7']")
    goal.click()
    assert shown.text("#cell-heading") == "Q2P masked in layer 2"
    assert shown.complaints() == []


# CSV --------------------------------------------------------------------------------------------


def saved(shown, button):
    """The name and the rows of the file that a button saves."""
    shown.session.execute_script(
        "window.kept = null; const make = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => { window.kept = blob; return make(blob); };"
        "HTMLAnchorElement.prototype.click = function () { window.keptName = this.download; };"
    )
    shown.find(button).click()
    text = shown.session.execute_async_script(
        "const done = arguments[0]; window.kept.arrayBuffer().then(b => "
        "done(Array.from(new Uint8Array(b))));"
    )
    content = bytes(text)
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return shown.js("window.keptName"), rows


def test_csv_of_the_map(shown, folder):
    shown.filter_by("what")
    shown.choose("[name=metric]", "both")
    name, rows = saved(shown, "#csv-map")
    assert name == "map.csv"
    assert len(rows) == 2 * len(CELLS)
    keys = [key for key in folder.ids if folder.words[key] == "what"]
    wanted = {metric: wanted_changes([folder], keys, metric) for metric in ("exact", "f1")}
    for row in rows:
        cell = CELLS[
            5 * (int(row["layer"]) - 1) + ["all", "q2", "q2p", "p2q", "p2"].index(row["zone"])
        ]
        found, p = wanted[row["metric"]][cell]
        assert float(row["change"]) == pytest.approx(found.change, abs=0.001)
        assert float(row["low"]) == pytest.approx(found.low, abs=0.001)
        assert float(row["p"]) == pytest.approx(found.p_value, rel=0.001)
        assert float(row["p_holm"]) == pytest.approx(p, rel=0.001)
        assert int(row["questions"]) == len(keys)
        before = 100 * scores(folder, BASELINE, keys, row["metric"]).mean()
        assert float(row["score"]) == pytest.approx(before + found.change, abs=0.001)


def test_csv_of_the_list(shown, folder):
    cell = CELLS[-1]
    shown.square(cell).click()
    name, rows = saved(shown, "#csv-questions")
    assert name == "questions.csv"
    # All of them, in the order of the page, though only some are shown so far.
    assert len(shown.texts("#questions li")) == 10 < len(rows)
    assert [row["id"] for row in rows] == shown.all_listed()
    for row in rows:
        key = row["id"]
        assert row["gold"] == folder.gold[key]
        assert row["baseline"] == folder.texts[BASELINE][key]
        assert row["masked"] == folder.texts[cell][key]
        assert (row["baseline_exact"], row["masked_exact"]) == ("1", "0")
        assert float(row["masked_f1"]) == pytest.approx(folder.f1(cell, key), abs=1e-4)
        assert row["change"] == "broken"


def test_texts_in_csv_are_no_formulas(session, tmp_path):
    folder = Folder(tmp_path)
    hostile = '=HYPERLINK("x")\r\n,"'
    key = folder.ids[0]
    folder.texts[BASELINE][key] = folder.gold[key]
    folder.texts[CELLS[-1]][key] = hostile
    folder.write()
    shown = Shown(session, folder)
    shown.square(CELLS[-1]).click()
    _, rows = saved(shown, "#csv-questions")
    (row,) = (row for row in rows if row["id"] == key)
    assert row["masked"] == "'" + hostile


def test_a_file_is_really_saved(session, folder, tmp_path):
    """The page's policy allows the download itself."""
    shown = Shown(session, folder)
    session.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    shown.find("#csv-map").click()
    for _ in range(50):
        if (tmp_path / "map.csv").exists():
            break
        shown.js("new Promise(done => setTimeout(done, 100))")
    assert (tmp_path / "map.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert shown.complaints() == []


# A phone, paper, provenance ---------------------------------------------------------------------


def test_a_way_back_to_the_map_on_a_phone(shown, session):
    browser.resize(session, *PHONE)
    shown.square(CELLS[-1]).click()
    back = shown.find("#back")
    session.execute_script("document.querySelector('#questions li:nth-child(4)').scrollIntoView()")
    box = shown.js("document.getElementById('back').getBoundingClientRect().toJSON()")
    assert box["top"] > 0 and box["bottom"] <= PHONE[1]
    assert box["height"] >= 40
    back.click()
    shown.js("new Promise(done => setTimeout(done, 100))")
    top = shown.js("document.querySelector('.map').getBoundingClientRect().top")
    assert -1 <= top < 300
    assert shown.focused() == CELLS[-1]
    browser.resize(session, *DESKTOP)
    assert not back.is_displayed()


@pytest.mark.parametrize("width", [320, 390, 700, 1280])
def test_nothing_is_wider_than_the_page(session, folder, second, width):
    name = "incomprehensibilities" * 5
    write_report(folder, "--beside", str(second.predictions), "--name", name, "--name", "ELECTRA")
    browser.resize(session, width, 800)
    session.get((folder.root / "report.html").as_uri() + "#metric=both")
    session.refresh()
    assert session.execute_script("return document.documentElement.scrollWidth") <= width
    browser.resize(session, *DESKTOP)


def test_where_it_comes_from_is_unfolded_on_paper(shown, session, folder):
    terms = shown.texts("#origin dt")
    assert terms[:3] == ["Report", "Questions", "Predictions"]
    assert "Versions" in terms
    assert not shown.find("#origin dl").is_displayed()
    session.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert shown.find("#origin dl").is_displayed()
    shown.filter_by("what")
    assert "of 70 questions (#layer=" in shown.text("#paper")


def test_a_partial_folder_is_no_wall_of_warnings(session, tmp_path):
    folder = Folder(tmp_path)
    for cell in CELLS:
        if cell.zone != "p2q":
            (folder.predictions / file_name(PREDICTIONS, cell)).unlink()
    shown = Shown(session, folder)
    (said,) = shown.texts(".missing")
    assert said.startswith("12 of 15 squares are empty. ") and len(said) < 250 + len(str(tmp_path))
    notices = session.find_elements("css selector", ".notice")
    assert not any(notice.is_displayed() for notice in notices)
    assert shown.text("#cell-heading").startswith("P2Q masked")
    assert shown.complaints() == []
