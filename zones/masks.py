"""What an attention zone is: its name, and who may not look at whom.

Self-attention is a square matrix: a row is the token that looks (the query), a column the token
looked at (the key). A reader sees ``[CLS] question [SEP] passage [SEP] padding``, and each token
has a *role*; a zone says, for each pair (role of the row, role of the key), whether that look is
forbidden. The whole meaning of a zone is therefore one table of roles (``mask_table``), and
the rest of the project only uses such tables. Zones of a user's own (``own.py``) are such tables,
too.

This module needs nothing but numpy, so that the scripts which only read file names start at once.

Source: Cui, Zhang, Liu: "Visualizing attention zones in machine reading comprehension models",
STAR Protocols 2022, and the study behind it (Cui et al., iScience 2022).
"""

from typing import NamedTuple, Optional, Tuple

import numpy as np

# Token roles, as the features carry them. [CLS], [SEP] and padding are OTHER: segment ids would
# not do, for they put [CLS] and the first [SEP] with the question.
OTHER, QUESTION, PASSAGE = 0, 1, 2
# A key may be padding, too.
PADDING = 3
# Told apart from OTHER where a zone asks for it (see Batch.special_roles): [CLS], and the special
# tokens between question and passage. OTHER is then what stands behind the passage.
CLS, SEP = 4, 5
NUM_ROLES = 6
_SPECIALS = (OTHER, CLS, SEP)
_ANY = (*_SPECIALS, QUESTION, PASSAGE)
# What roles are called in a file of zones; RoBERTa's ``<s>`` is cls, its two ``</s>`` in the middle
# are both sep.
ROLE_NAMES = {
    "cls": (CLS,),
    "question": (QUESTION,),
    "sep": (SEP,),
    "passage": (PASSAGE,),
    "end": (OTHER,),
    "special": _SPECIALS,
    "any": _ANY,
}


class _Zone(NamedTuple):
    pairs: Tuple[Tuple[Tuple[int, ...], Tuple[int, ...]], ...]  # (roles that look, at what)
    effect: str


# A new zone is a line here.
_ZONES = {
    # Nothing is masked, not even the padding that BERT masks: see sees_padding.
    "all": _Zone((), "BERT's mask of the padding is taken away: every token looks at it, too."),
    "q2": _Zone((((QUESTION,), (QUESTION,)),), "The question cannot read itself."),
    "q2p": _Zone((((*_SPECIALS, QUESTION), (PASSAGE,)),), "The question cannot read the passage."),
    "p2q": _Zone((((*_SPECIALS, PASSAGE), (QUESTION,)),), "The passage cannot read the question."),
    "p2": _Zone((((PASSAGE,), (PASSAGE,)),), "The passage cannot read itself."),
    # What a reader of the word "all" would expect: every zone but "all" at once.
    "union": _Zone(
        ((_ANY, (QUESTION, PASSAGE)),),
        "Nothing reads question or passage: only special tokens can be looked at.",
    ),
}
# The five zones of the published map, in the order of the columns of results.csv.
ZONES = ("all", "q2", "q2p", "p2q", "p2")
# All zones that --mask_zone takes.
OFFERED_ZONES = tuple(_ZONES)

# Zones of the user's own: name -> _Zone, and as the user wrote them.
_own = {}
_own_as_written = {}


def define_own(zones):
    """Makes zones of the user's own known to this process, in place of those known before.

    Args:
        zones: dict name -> list of pairs [names of the roles that look, names of the roles that
            they may not look at], all of ROLE_NAMES; see own.read.
    """
    _own.clear()
    _own_as_written.clear()
    _own_as_written.update(zones)
    for name, pairs in zones.items():
        _own[name] = _Zone(tuple(tuple(map(_roles, pair)) for pair in pairs), _effect(pairs))


def _roles(names):
    return tuple(role for name in names for role in ROLE_NAMES[name])


def _effect(pairs):
    text = "; ".join("%s cannot read %s" % tuple(map(", ".join, pair)) for pair in pairs)
    return text[0].upper() + text[1:] + "."


def own_zones(among=None):
    """The zones of the user's own that are known, as define_own took them.

    Args:
        among: the names that count; None is all.
    """
    return {n: pairs for n, pairs in _own_as_written.items() if among is None or n in among}


def known_zones():
    """The names of all zones: those offered, and behind them the user's own."""
    return OFFERED_ZONES + tuple(_own)


def effects():
    """Zone -> what masking it does, in a sentence."""
    return {name: zone.effect for name, zone in {**_ZONES, **_own}.items()}


# Added to the scaled score before the softmax (BERT adds the same number on padded keys).
MASKED = -10000.0


def mask_table(zone: Optional[str]) -> np.ndarray:
    """The zone as a table of roles.

    Args:
        zone: one of known_zones(); None is what BERT itself forbids, the padding.

    Returns:
        float32 ``[row role, key role]``, 1 where the look is forbidden. In ``q2p``, for example,
        rows of all roles but PASSAGE have a 1 at PASSAGE, and all rows have one at PADDING.

    Raises:
        KeyError: there is no such zone.
    """
    table = np.zeros((NUM_ROLES, NUM_ROLES), np.float32)
    table[:, PADDING] = not sees_padding(zone)
    if zone is not None:
        for rows, keys in (_ZONES.get(zone) or _own[zone]).pairs:
            table[np.ix_(rows, keys)] = 1
    return table


def tells_specials_apart(zone: Optional[str]) -> bool:
    """Whether the zone treats [CLS], the [SEP] in the middle and the others differently."""
    table = mask_table(zone)
    alike = all((table[role] == table[OTHER]).all() for role in _SPECIALS)
    return not (alike and all((table[:, role] == table[:, OTHER]).all() for role in _SPECIALS))


def changes_rows(zone: str, role: int) -> bool:
    """Whether masking the zone changes what the tokens of a role see in that layer.

    ``q2`` and ``q2p``, for example, change no PASSAGE row.
    """
    return bool((mask_table(zone) != mask_table(None))[role].any())


def sees_padding(zone: Optional[str]) -> bool:
    """Whether the zone takes BERT's padding term away, so that padded keys are looked at.

    Only the published ``all`` does. Its code *replaces* the padding term by -10000 on every key;
    a softmax does not see a constant, so what is left is the softmax of the raw scores over all
    ``max_seq_length`` keys. We leave the term out instead of adding the constant, which would cost
    float32 three decimals.
    """
    return zone == "all"
