"""What tests ask a window."""

import numpy as np

from zones.masks import PASSAGE


def words_of(window):
    """For each token, the number of its word in the passage; -1 where it is not passage."""
    words = np.full(len(window.tokens), -1)
    first, number = window.first_passage_token, window.token_roles.count(PASSAGE)
    words[first : first + number] = window.passage.word_of_piece[window.passage_start :][:number]
    return words
