"""The report as one HTML file: the contents put into the templates that lie beside this module.

The file needs nothing from outside, and may load nothing: its content security policy allows only
the style and the script that it was written with, by their hashes. Texts of the data set come in
as JSON, which the script puts on the page as text; so nothing in them can act as HTML.
"""

import base64
import hashlib
import json
import os

import jinja2
import numpy as np
from markupsafe import Markup

from common import files
from maps import attention_figure, figure
from maps.report.questions import QUESTION_WORDS
from zones.masks import effects

_FOLDER = os.path.dirname(os.path.abspath(__file__))
# In the order in which they need each other.
_SCRIPTS = (
    "statistics.js",
    "data.js",
    "address.js",
    "filters.js",
    "correlation.js",
    "looked.js",
    "map.js",
    "passage.js",
    "questions.js",
    "details.js",
    "csv.js",
    "main.js",
)

# Colours are style classes, one for each tenth of a point, since the policy allows no inline style
# and the map is to be seen where scripts are left out, as in mail.
_COLOURS_PER_POINT = 10
_WEIGHT_STEPS = 20


def render(contents):
    """The HTML file.

    Args:
        contents: what contents.gather gives.

    Returns:
        bytes, UTF-8.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = environment.get_template("page.css").render(
        colours=_colours(), weights=_weight_colours()
    )
    script = '(function () {\n"use strict";\n%s})();\n' % "".join(map(_read, _SCRIPTS))
    text = environment.get_template("page.html").render(
        report=contents,
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        data=Markup(_json_in_html(_with_colours(contents))),
        maps=_maps(contents),
        readings=effects(),
        words=_counted_words(contents["questions"]["word"]),
        unanswerable=sum(not golds for golds in contents["questions"]["golds"]),
        bar=["v%d" % step for step in range(0, len(_colours()), 2)],
        ticks=[signed(value, 0) for value in range(int(_LOWEST), int(_HIGHEST) + 1, 2)],
    )
    # A lone half of a surrogate pair, which JSON may hold and UTF-8 may not, stays JSON's escape.
    return text.encode("utf-8", "backslashreplace")


def _counted_words(numbers):
    """(index, question word, how many questions have it), of those that some question has."""
    counted = enumerate(QUESTION_WORDS)
    return [(n, word, numbers.count(n)) for n, word in counted if n in numbers]


_LOWEST, _HIGHEST = figure.LOWEST, figure.HIGHEST


def _read(name):
    return files.read_bytes(os.path.join(_FOLDER, name)).decode()


def _policy(style, script):
    """Nothing but this style and this script, neither from elsewhere nor to anywhere."""
    hashes = [
        "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    ]
    return (
        "default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'"
        % tuple(hashes)
    )


def _json_in_html(value):
    """JSON that cannot end the <script> it stands in, nor open a comment there."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # U+2028 and U+2029 are line ends to some readers of scripts.
    for character in "<>&\u2028\u2029":
        text = text.replace(character, "\\u%04x" % ord(character))
    return text


# The map without the script ---------------------------------------------------------------------


def _steps():
    return int((_HIGHEST - _LOWEST) * _COLOURS_PER_POINT) + 1


def _colours():
    values = [_LOWEST + step / _COLOURS_PER_POINT for step in range(_steps())]
    return [{"fill": fill, "ink": ink} for fill, ink in map(figure.colour_of, values)]


def _weight_colours():
    pairs = map(attention_figure.colour_of, np.linspace(0, 1, _WEIGHT_STEPS + 1))
    return [{"fill": fill, "ink": ink} for fill, ink in pairs]


def _with_colours(contents):
    colours = {
        "lowest": _LOWEST,
        "highest": _HIGHEST,
        "perPoint": _COLOURS_PER_POINT,
        "weightSteps": _WEIGHT_STEPS,
    }
    return {**contents, "colours": colours, "readings": effects(), "words": QUESTION_WORDS}


def _maps(contents):
    """The maps of all questions, for the template: like ``maps``, with squares for cells."""
    changes = contents["first"]["changes"]

    def square(cell):
        """A square, or None for a place without a cell."""
        return None if cell is None else _square(cell, changes[cell])

    return [
        {**drawn, "squares": [list(map(square, row)) for row in drawn["cells"]]}
        for drawn in contents["maps"]
    ]


def _square(cell, change):
    if change is None:
        return {"cell": cell, "colour": "none", "text": ""}
    step = round((min(_HIGHEST, max(_LOWEST, change)) - _LOWEST) * _COLOURS_PER_POINT)
    return {"cell": cell, "colour": "v%d" % step, "text": signed(change)}


def signed(value, digits=1):
    """``-0.04`` -> ``0.0``, ``-13.6`` with a minus sign as the figure has it."""
    text = "%.*f" % (digits, abs(value))
    return "\N{MINUS SIGN}" + text if value < 0 and float(text) else text
