"""Zones of one's own: what a file may say, and that reader and sweep read them alike."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.command_line import UserError
from tests.support.naive import CONFIG, OWN_ZONES, naive_logits, random_weights, random_windows
from tests.zones.test_reader import one_by_one, read
from zones import masks, own, sweep
from zones.cells import BASELINE, Cell, cell_of_file, cells_of, file_name
from zones.masks import OFFERED_ZONES

tf.disable_v2_behavior()

CELLS = [BASELINE, *cells_of(3, [*OFFERED_ZONES, *OWN_ZONES])]
CELLS += [Cell(None, zone) for zone in OWN_ZONES]
CELLS += [Cell(1, zone, head=2) for zone in OWN_ZONES]
CELLS += [Cell(0, zone, last_layer=1) for zone in OWN_ZONES]


@pytest.fixture
def own_zones(tmp_path):
    """The zones of naive.py, read from a file."""
    path = tmp_path / "zones.json"
    path.write_text(str(OWN_ZONES).replace("'", '"'))
    masks.define_own(own.read(path))


@pytest.mark.parametrize("way", [one_by_one, sweep.read_cells])
@pytest.mark.parametrize(
    "lengths, options",
    [
        ([5, 17, 24, 3], {}),
        pytest.param([24], {}, marks=pytest.mark.slow),
        pytest.param([9, 3], dict(static_shapes=True), marks=pytest.mark.slow),
        pytest.param([9, 13], dict(score_padding=True), marks=pytest.mark.slow),
    ],
)
def test_reader_and_sweep_equal_a_naive_run(way, lengths, options, own_zones):
    weights = random_weights(CONFIG)
    # Of three tokens one may be left without a question, of five without a passage.
    inputs = random_windows(lengths, 24, CONFIG.vocab_size, seed=len(lengths))
    # All of them once: what the options change, a few show.
    cells = CELLS if way is sweep.read_cells and len(lengths) == 4 else CELLS[::4]
    for cell, logits in zip(cells, read(way, weights, inputs, cells, **options)):
        for window, length in enumerate(lengths):
            end = 24 if options.get("score_padding") else length
            expected = naive_logits(weights, CONFIG, inputs[:, window], cell)
            difference = np.abs(logits[window, :end] - expected[:end]).max()
            assert difference < 2e-4, (cell, window)


def test_a_cell_beside_the_protocols_changes_none_of_them(own_zones):
    weights, inputs = random_weights(CONFIG), random_windows([9, 24], 24, CONFIG.vocab_size)
    cells = [BASELINE, *cells_of(3)]
    alone = read(sweep.read_cells, weights, inputs, cells)
    beside = read(sweep.read_cells, weights, inputs, [*cells, *cells_of(3, ["sep"])])
    for one, other in zip(alone, beside):
        assert np.abs(one - other).max() < 2e-5


def test_files_are_named_after_them_as_long_as_they_are_known(own_zones):
    for cell in (Cell(3, "sep"), Cell(3, "c2p", head=7), Cell(1, "s2", last_layer=2)):
        assert cell_of_file(file_name("predictions", cell)) == cell
    masks.define_own({})
    assert cell_of_file("predictions_layer3_sep.json") is None


def test_effects_are_told_in_words(own_zones):
    assert masks.effects()["front"] == "Passage, end cannot read cls."


@pytest.mark.parametrize(
    "text, part",
    [
        ("", "empty"),
        ("{", "not"),
        ("[]", "holds no zones"),
        ("{}", "holds no zones"),
        ('{"q2": [["any", "cls"]]}', "the name q2 is taken"),
        ('{"layer": [["any", "cls"]]}', "the name layer is taken"),
        ('{"a": [["any", "cls"]], "a": [["any", "sep"]]}', "zone a stands there twice"),
        ('{"A": [["any", "cls"]]}', "'A' is no name"),
        ('{"head3_q2": [["any", "cls"]]}', "no name for a zone"),
        ('{"a": ["any", "cls"]}', "zone a is no list of pairs"),
        ('{"a": []}', "zone a is no list of pairs"),
        ('{"a": {"any": "cls"}}', "zone a is no list of pairs"),
        ('{"a": [["any"]]}', "zone a is no list of pairs"),
        ('{"a": [["any", "seperator"]]}', 'the role "seperator"; choose from cls, question, sep'),
        ('{"a": [["any", []]]}', "the role []"),
        ('{"a": [["any", [3]]]}', "the role 3"),
    ],
)
def test_a_file_that_is_none_is_refused(text, part, tmp_path):
    path = tmp_path / "zones.json"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        own.read(path)
    assert part in str(refused.value) and str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
