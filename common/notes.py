"""What whoever reads a note of this project may rely on: the forms of its JSON files.

A note that was written here may have been edited since, or damaged. So its form stands beside the
code that reads it, and what is not of that form is as good as no note::

    {"run": str, "sample?": {"questions": range(2**31)}, "commands?": [[str]]}

A form is one of:

- a type: a value of that kind; ``int`` is no ``True``, and ``float`` any number that is finite;
- a range, a Between, a compiled pattern: a whole number, a number, a text that is in it;
- a text, a truth value or ``None``: that very value;
- a tuple: what any of its forms fits;
- a list of one form: a list of values of that form, however many; of several: one value of each;
- a dict: an object with those keys, of which one that ends in ``?`` may be missing. Others may be
  there, and hold anything, unless ``str`` is among the keys: then that is the form of all others.
"""

import math
import re

from common import files
from common.command_line import UserError


class Between:
    """The form of the numbers between two, which are among them."""

    def __init__(self, low, high):
        self.low, self.high = low, high


def read(path, form):
    """The value in a JSON file; None if it cannot be read, or is of another form."""
    try:
        value = files.read_json(path)
    except UserError:
        return None
    return None if fault(value, form) else value


def fault(value, form, place="it"):
    """What a JSON value has that its form has not: ``runs[0].name is 3``; None if it is of it."""
    if isinstance(form, tuple):
        faults = [fault(value, one, place) for one in form]
        return None if None in faults else "%s is %s" % (place, _shown(value))
    if isinstance(form, dict) and isinstance(value, dict):
        return _fault_of_object(value, form, "" if place == "it" else place + ".")
    if isinstance(form, list) and isinstance(value, list):
        forms = form * len(value) if len(form) == 1 else form
        if len(forms) == len(value):
            pairs = enumerate(zip(value, forms))
            faults = (fault(one, of, "%s[%d]" % (place, number)) for number, (one, of) in pairs)
            return next(filter(None, faults), None)
    elif _is_plain(value, form):
        return None
    return "%s is %s" % (place, _shown(value))


def _fault_of_object(value, form, start):
    named = {key.rstrip("?"): key for key in form if key is not str}
    lacking = [name for name, key in named.items() if name == key and name not in value]
    if lacking:
        return "%s%s is missing" % (start, lacking[0])
    for name, one in value.items():
        key = named.get(name, str)
        found = fault(one, form[key], start + name) if key in form else None
        if found:
            return found
    return None


def _is_plain(value, form):
    """Whether a value is of a form that is neither an object nor a list."""
    if form is float or isinstance(form, Between):
        is_number = type(value) in (int, float) and _is_finite(value)
        return is_number and (form is float or form.low <= value <= form.high)
    if isinstance(form, type):
        return isinstance(value, form) and (form is bool or not isinstance(value, bool))
    if isinstance(form, range):
        return _is_plain(value, int) and value in form
    if isinstance(form, re.Pattern):
        return isinstance(value, str) and bool(form.fullmatch(value))
    return isinstance(value, (str, bool, type(None))) and value == form


def _is_finite(value):
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


def _shown(value):
    """A value in an error: an object or a list by its kind."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
