"""What an attention zone is: its name, and who may not look at whom.

Self-attention is a square matrix: a row is the token that looks (the query), a column the token
looked at (the key). A reader sees ``[CLS] question [SEP] passage [SEP] padding``, and each token
has one of three *roles*, or as a key may be padding; a zone says, for each pair (role of the row,
role of the key), whether that look is forbidden. The whole meaning of a zone is therefore one 3 x 4
table (``mask_table``: three roles look, at three roles or padding), and the rest of the project
only uses such tables.

This module needs nothing but numpy, so that the scripts which only read file names start at once.

Source: Cui, Zhang, Liu: "Visualizing attention zones in machine reading comprehension models",
STAR Protocols 2022, and the study behind it (Cui et al., iScience 2022).
"""

from typing import NamedTuple, Optional, Tuple

import numpy as np

# Token roles, as the features carry them. [CLS], [SEP] and padding are OTHER: segment ids would
# not do, for they put [CLS] and the first [SEP] with the question.
OTHER, QUESTION, PASSAGE = 0, 1, 2
NUM_ROLES = 3
# A key may be padding, too: the last column of mask_table.
PADDING = 3


class _Zone(NamedTuple):
    rows: Tuple[int, ...]  # roles of the tokens that look
    keys: Tuple[int, ...]  # roles that they may not look at
    effect: str


# A new zone is a line here.
_ZONES = {
    # Nothing is masked, not even the padding that BERT masks: see sees_padding.
    "all": _Zone((), (), "BERT's mask of the padding is taken away: every token looks at it, too."),
    "q2": _Zone((QUESTION,), (QUESTION,), "The question cannot read itself."),
    "q2p": _Zone((OTHER, QUESTION), (PASSAGE,), "The question cannot read the passage."),
    "p2q": _Zone((OTHER, PASSAGE), (QUESTION,), "The passage cannot read the question."),
    "p2": _Zone((PASSAGE,), (PASSAGE,), "The passage cannot read itself."),
    # What a reader of the word "all" would expect: every zone but "all" at once.
    "union": _Zone(
        (OTHER, QUESTION, PASSAGE),
        (QUESTION, PASSAGE),
        "Nothing reads question or passage: only special tokens can be looked at.",
    ),
}
# The five zones of the published map, in the order of the columns of results.csv.
ZONES = ("all", "q2", "q2p", "p2q", "p2")
# All zones that --mask_zone takes.
OFFERED_ZONES = tuple(_ZONES)
# Zone -> what masking it does, in a sentence.
EFFECTS = {name: zone.effect for name, zone in _ZONES.items()}

# Added to the scaled score before the softmax (BERT adds the same number on padded keys).
MASKED = -10000.0


def mask_table(zone: Optional[str]) -> np.ndarray:
    """The zone as a table of roles.

    Args:
        zone: one of OFFERED_ZONES; None is what BERT itself forbids, the padding.

    Returns:
        float32 ``[row role, key role]``, 1 where the look is forbidden. For example
        ``q2p`` is ``[[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]``: rows OTHER and QUESTION may not
        see PASSAGE keys, and nobody padding.

    Raises:
        KeyError: there is no such zone.
    """
    table = np.zeros((NUM_ROLES, NUM_ROLES + 1), np.float32)
    table[:, PADDING] = not sees_padding(zone)
    if zone is not None:
        table[np.ix_(_ZONES[zone].rows, _ZONES[zone].keys)] = 1
    return table


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
