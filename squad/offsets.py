"""What an answer's offset may count: looked into when answers are not where their file says."""

import re


def _utf_16(text):
    return text.encode("utf-16-le", "surrogatepass")


def _utf_8(text):
    return text.encode("utf-8", "surrogatepass")


def _without_returns(text):
    return text.replace("\r", "")


def _with_returns(text):
    return re.sub("\r?\n", "\r\n", text)


def _itself(text):
    return text


# Units in which other programs count offsets: (name, the text as a sequence, how many entries of
# that sequence make a unit, the number of the first character).
_UNITS = (
    ("UTF-16 units, as JavaScript does", _utf_16, 2, 0),
    ("bytes of UTF-8", _utf_8, 1, 0),
    ("characters without \\r", _without_returns, 1, 0),
    ("characters with \\r\\n at every line's end", _with_returns, 1, 0),
    ("characters from 1, not from 0", _itself, 1, 1),
)

_MOST_THAT_DO_NOT_FIT = 0.1


def hint(misplaced, placed):
    """Says in which units the offsets seem to be counted; empty if in none that is known.

    Args:
        misplaced, placed: lists of (Question, Answer), the answers that do not stand at their
            offset and those that do. Answers without an offset are passed over.
    """
    total = len(misplaced) + len(placed)
    for name, transformed, size, first in _UNITS:

        def fits(pair, transformed=transformed, size=size, first=first):
            """Whether the answer stands where it says, counted so."""
            question, (text, start) = pair
            if not text or start is None or start < first:
                return False
            at = size * (start - first)
            return transformed(question.passage.text).startswith(transformed(text), at)

        fitting = sum(map(fits, misplaced))
        if not fitting or len(misplaced) - fitting > _MOST_THAT_DO_NOT_FIT * total:
            continue
        fitting += sum(map(fits, placed))
        if total - fitting <= _MOST_THAT_DO_NOT_FIT * total and total - fitting < len(misplaced):
            share = "all answers fit" if fitting == total else "%d of %d fit" % (fitting, total)
            return "%s if offsets are counted in %s" % (share, name)
    return ""
