"""Zones of a user's own: a JSON file of pairs of roles.

For example, nobody reads a [SEP]; and the passage reads neither [CLS] nor the question::

    {
        "sep": [["any", ["sep", "end"]]],
        "p2front": [["passage", "cls"], ["passage", "question"]]
    }

A pair is who looks and what they may not look at; either is a role or a list of roles. The roles
are those of masks.ROLE_NAMES. What a zone then means, masks.py says.
"""

import json
import re

from common import files
from common.command_line import UserError
from zones import masks
from zones.masks import OFFERED_ZONES, ROLE_NAMES

# In a prediction folder: the definitions of all zones of one's own that were decoded into it.
FILE = "zones.json"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
# Columns of the tables, which have columns named after zones, too.
_TAKEN = ("layer", "head", "zone", "run", "exact", "f1", "score", "baseline", "change")


def read(path, what="--zones_file"):
    """The zones of a file, as masks.define_own takes them.

    Args:
        path: the file.
        what: what to call it in an error.

    Raises:
        UserError: it is no such file; the message names the zone.
    """
    where = "%s: %s" % (what, path)
    # As pairs, lists of tuples, so that a name that stands there twice is seen.
    zones = files.read_json(path, what, of_pairs=_Object)
    if not isinstance(zones, _Object) or not zones:
        raise UserError("%s holds no zones, such as %s" % (where, _EXAMPLE))
    return _checked(zones, where)


def named(text, what="--mask_zone", hint=", or define it in a --zones_file"):
    """The zones named, each once, as the user orders them.

    Args:
        text: names with commas between them; None or "" are none.
        what: the flag that names them.
        hint: what else can be done about a zone that there is not.

    Raises:
        UserError: there is no such zone.
    """
    zones = [zone.strip().lower() for zone in (text or "").split(",") if zone.strip()]
    for zone in zones:
        if zone not in masks.known_zones():
            raise UserError(
                "%s: there is no zone %r; choose from %s%s"
                % (what, zone, ", ".join(masks.known_zones()), hint)
            )
    return list(dict.fromkeys(zones))


def checked(zones, where):
    """Zones that were read from elsewhere, a dict, as masks.define_own takes them.

    Raises:
        UserError: they are none; ``where`` is what the message begins with.
    """
    return _checked(zones.items(), where)


def _checked(zones, where):
    found = {}
    for name, pairs in zones:
        _check_name(name, found, where)
        found[name] = _pairs(pairs, "%s: zone %s" % (where, name))
    return found


class _Object(list):
    """A JSON object as a list of its pairs."""


def settle(zones_file, folder):
    """Makes the zones of a run known: those of its file, and those of its prediction folder.

    Args:
        zones_file: the path of the file, or None.
        folder: the prediction folder, which need not be there yet.

    Returns:
        The names of the file's zones, in its order.

    Raises:
        UserError: the file is none, or says of a zone what the folder says otherwise.
    """
    zones = read(zones_file) if zones_file else {}
    masks.define_own(zones)
    know_of_folder(folder, "--prediction_dir")
    return list(zones)


def know_of_folder(folder, what):
    """Makes the zones known that were decoded into a prediction folder.

    Raises:
        UserError: a zone of that name is already known, and another.
    """
    path = files.join(folder, FILE)
    if files.exists(path):
        know(read(path, what), path)


def know(zones, source):
    """Makes further zones known, as define_own takes them; ``source`` is where they stand.

    Raises:
        UserError: a zone of that name is already known, and another.
    """
    known = masks.own_zones()
    for name, pairs in zones.items():
        if known.get(name, pairs) != pairs:
            raise UserError(
                "--zones_file: zone %s is defined otherwise in %s; give one of the two another "
                "name, or name another folder for its predictions" % (name, source)
            )
    masks.define_own({**known, **zones})


def note(folder, names):
    """Notes in a prediction folder what zones of those names are, if any is one's own."""
    zones = masks.own_zones(names)
    path = files.join(folder, FILE)
    if zones:
        there = read(path, "--prediction_dir") if files.exists(path) else {}
        files.write_json(path, {**there, **zones}, "--prediction_dir")


_EXAMPLE = '{"sep": [["any", ["sep", "end"]]]}'


def _check_name(name, others, where):
    if name in OFFERED_ZONES or name in _TAKEN:
        raise UserError("%s: the name %s is taken; give that zone another one" % (where, name))
    if name in others:
        raise UserError("%s: zone %s stands there twice; rename one of the two" % (where, name))
    if not _NAME.fullmatch(name):
        raise UserError(
            "%s: %r is no name for a zone; take up to 20 small letters, digits and hyphens, a "
            "letter first" % (where, name)
        )


def _pairs(pairs, where):
    is_list = isinstance(pairs, list) and pairs and all(isinstance(pair, list) for pair in pairs)
    if not is_list or not all(len(pair) == 2 for pair in pairs):
        raise UserError(
            "%s is no list of pairs [who looks, what they may not look at], such as %s"
            % (where, _EXAMPLE)
        )
    return [[_roles(side, where) for side in pair] for pair in pairs]


def _roles(side, where):
    names = side if isinstance(side, list) and side else [side]
    for name in names:
        if not isinstance(name, str) or name not in ROLE_NAMES:
            raise UserError(
                "%s has the role %s; choose from %s"
                % (where, json.dumps(name, ensure_ascii=False)[:40], ", ".join(ROLE_NAMES))
            )
    return list(dict.fromkeys(names))
