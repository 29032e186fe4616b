"""What is looked at beside the map, in the report's page in a real browser."""

import csv
import io
import json
import re

import pytest

from tests.maps.test_attention import HEADS, ZONES, naive_spearman, weight, write_attention
from tests.support import browser
from tests.support.report_files import CELLS, NUM_LAYERS, Folder
from tests.support.shown_report import MINUS, Shown
from zones.cells import PREDICTIONS, Cell, file_name

pytestmark = pytest.mark.slow

PHONE = (390, 844)
OWN = [Cell(layer, "sep") for layer in range(NUM_LAYERS)]
OF_HEADS = [Cell(layer, "p2q", head=head) for layer in range(NUM_LAYERS) for head in range(HEADS)]


def of(layer, head, zone):
    return (layer + head) / 50 if zone == "sep" else weight(layer, head, zone)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A Folder with a zone of one's own, single heads, union and an attention.csv."""
    made = Folder(tmp_path_factory.mktemp("report"))
    (made.predictions / "zones.json").write_text('{"sep": [["any", ["sep", "end"]]]}')
    cells = [*OWN, *OF_HEADS, Cell(1, "union"), Cell(None, "p2q")]
    for number, cell in enumerate(cells):
        made.texts[cell] = made.texts[CELLS[(5 * number + 3) % len(CELLS)]]
        path = made.predictions / file_name(PREDICTIONS, cell)
        path.write_text(json.dumps(made.texts[cell]))
    write_attention(made.predictions, NUM_LAYERS, HEADS, (*ZONES, "sep"), of)
    return made


@pytest.fixture
def shown(session, folder):
    return Shown(session, folder)


def mean_weight(cell):
    heads = range(HEADS) if cell.head is None else [cell.head]
    shares = [of(cell.layer + 1, head + 1, cell.zone) for head in heads]
    return round(sum(shares) / len(shares), 6)


def panel(shown, number):
    """The squares of a panel: name of the cell -> (text, label)."""
    rows = shown.js(
        "Array.from(document.querySelectorAll('.panel')[arguments[0]].querySelectorAll("
        "'.grid:not([hidden]) .square'), e => [e.getAttribute('aria-label'), e.textContent])",
        number,
    )
    return {label.split(": ")[0]: (text, label.split(": ")[1]) for label, text in rows}


def check(shown, folder, cells, keys):
    """The weights of the cells, and their correlation with what is lost on the questions."""
    squares, pairs = panel(shown, 1), []
    for cell in cells:
        head = "" if cell.head is None else ", head %d" % (cell.head + 1)
        name = "%s in layer %d%s" % (cell.zone.upper(), cell.layer + 1, head)
        if cell.zone == "all":
            assert squares[name] == ("", "no weight")
            continue
        percent = "%.1f" % (100 * mean_weight(cell))
        assert squares[name] == (percent, "mean weight %s\N{NO-BREAK SPACE}%%" % percent)
        if (folder.predictions / file_name(PREDICTIONS, cell)).exists():
            pairs.append((mean_weight(cell), round(-folder.change(cell, keys), 6)))
    said = shown.text("#correlations").replace(MINUS, "-")
    found = re.search(r"lost: (\S+) \(95 % interval (\S+) to (\S+), .* (\d+) squares\)", said)
    if len(pairs) < 10:
        found = re.search(r"lost: (\S+) \((\d+) squares, too few for an interval\)", said)
    *numbers, count = map(float, found.groups())
    assert count == len(pairs)
    wanted = [number for number in naive_spearman(pairs) if number is not None]
    assert numbers == pytest.approx(wanted, abs=0.00501)


def test_weights_stand_beside_each_map(shown, folder):
    of_map = [*CELLS, *OWN, Cell(1, "union")]
    assert shown.texts(".panel .score")[1] == "looked at: mean weight, %"
    check(shown, folder, of_map, folder.ids)
    shown.filter_by("what")
    check(shown, folder, of_map, [key for key in folder.ids if folder.words[key] == "what"])
    shown.filter_by("all")
    labels = shown.texts("#which-map option")
    shown.find("#which-map option[value='%d']" % labels.index("heads, P2Q")).click()
    check(shown, folder, OF_HEADS, folder.ids)
    assert "Above 0, cells that get more weight tend to be needed more" in shown.text("#looked")
    # A weight belongs to one layer.
    shown.find("#which-map option[value='%d']" % labels.index("every layer at once")).click()
    assert len(shown.texts(".panel")) == 1
    assert not shown.find("#looked").is_displayed()
    assert shown.complaints() == []


def test_a_square_of_weights_opens_its_cell(shown, session):
    cell = OWN[2]
    place = shown.js(
        "Array.from(document.querySelectorAll('.panel')[1].querySelectorAll('.square')).findIndex("
        "e => e.getAttribute('aria-label').startsWith('SEP in layer 3'))"
    )
    session.find_elements("css selector", ".panel:nth-child(2) .square")[place].click()
    assert shown.text("#cell-heading") == "SEP masked in layer 3"
    assert shown.text("#cell-meaning") == "Any cannot read sep, end."
    percent = "%.1f\N{NO-BREAK SPACE}%%" % (100 * mean_weight(cell))
    assert shown.panel_numbers()["Looked at"] == (percent + " of its tokens' weight",)
    pressed = shown.js(
        "document.querySelectorAll('.grid:not([hidden]) [aria-pressed=true]').length"
    )
    assert pressed == 2
    assert shown.hash() == {"layer": "3", "zone": "sep"}


def test_weights_are_saved_with_the_map(shown):
    shown.session.execute_script(
        "window.URL.createObjectURL = b => { window.saved = b; return '#'; }"
    )
    shown.find("#csv-map").click()
    text = shown.js("window.saved.text()").lstrip("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    found = {(row["layer"], row["zone"]): row["weight"] for row in rows}
    assert float(found["3", "sep"]) == pytest.approx(mean_weight(OWN[2]))
    assert found["1", "all"] == ""
    assert len(found) == len(rows) == len(CELLS) + len(OWN) + 1


def test_without_a_file_of_weights_nothing_is_shown(session, tmp_path):
    shown = Shown(session, Folder(tmp_path))
    assert len(shown.texts(".panel")) == 1 and shown.texts("#looked") == []
    assert "Looked at" not in shown.panel_numbers()
    assert shown.complaints() == []


def test_two_readers_of_which_one_has_weights(session, folder, tmp_path):
    other = Folder(tmp_path, seed=3)
    for name in ("heads", "both"):
        shown = Shown(session, folder, "--beside", str(other.predictions), "--name=A", "--name=B")
        if name == "heads":
            assert shown.texts(".panel .reader") == ["A", "B", "A"]
            assert shown.text("#correlations").startswith("Spearman's")
            write_attention(other.predictions, NUM_LAYERS, HEADS)
        else:
            assert shown.texts(".panel .reader") == ["A", "B", "A", "B"]
            lines = shown.texts("#correlations p")
            assert [line[:16] for line in lines] == ["A, exact match: ", "B, exact match: "]
    assert shown.complaints() == []


def test_on_a_phone_maps_and_weights_fit(shown, session):
    browser.resize(session, *PHONE)
    assert shown.js("document.documentElement.scrollWidth") == PHONE[0]
