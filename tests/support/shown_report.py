"""A report in a browser, seen as its reader sees it."""

import urllib.parse

import report
from tests.support import browser
from tests.support.report_files import CELLS

DESKTOP = (1280, 900)
MINUS = "\N{MINUS SIGN}"


def number(text):
    """A number as the page shows it; None for an empty square."""
    return float(text.replace(MINUS, "-")) if text else None


class Shown:
    """Writes the report of a Folder, and shows it."""

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

    def hash(self):
        """The address behind the file's name, as a dict."""
        return dict(urllib.parse.parse_qsl(self.js("location.hash")[1:]))

    def go(self, fragment):
        """Opens the page anew at an address."""
        self.session.get("about:blank")
        self.session.get(self.address + fragment)

    def choose(self, selector, value):
        """Chooses an option of a select."""
        self.find("%s option[value='%s']" % (selector, value)).click()

    def search(self, text):
        """Types into the search field, and waits until that is shown."""
        field = self.find("#search")
        field.clear()
        field.send_keys(text)
        self.js("new Promise(done => setTimeout(done, 400))")

    def panel_numbers(self, view=0):
        """The numbers of the cell: row -> (of exact match, of F1)."""
        rows = self.js(
            "Array.from(document.querySelectorAll('table.numbers')[arguments[0]].rows, r => "
            "Array.from(r.cells, c => c.textContent))",
            view,
        )
        return {name: tuple(values) for name, *values in rows}

    def square(self, cell):
        return self.find('[data-cell="%d"]' % CELLS.index(cell))

    def filter_by(self, label):
        (choice,) = (
            choice
            for choice in self.session.find_elements("css selector", ".choice")
            if choice.text.rsplit(" ", 1)[0] == label
        )
        choice.find_element("css selector", "input").click()

    def squares(self, panel=0):
        """Cell -> (number shown, whether it has a dot, its label for screen readers)."""
        rows = self.js(
            "Array.from(document.querySelectorAll('.panel')[arguments[0]].querySelectorAll("
            "'.grid:not([hidden]) .square'), e => [Number(e.dataset.cell), "
            "e.textContent, e.classList.contains('unsure'), e.getAttribute('aria-label')])",
            panel,
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
