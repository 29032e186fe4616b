"""The weight that the rows of a zone give to its keys: by sums over groups, and by full softmax."""

import csv
import json
import os
import signal
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.support import small
from tests.support.naive import (
    CONFIG,
    OWN_ZONES,
    load,
    naive_logits,
    naive_mask,
    random_weights,
    random_windows,
)
from tests.zones.test_own import own_zones  # noqa: F401 (a fixture)
from tests.zones.test_sweep import contents
from zones import sweep
from zones.batch import Batch
from zones.cells import BASELINE, Cell, cells_of
from zones.reader import Reader

tf.disable_v2_behavior()

ZONES = ["q2", "q2p", "p2q", "p2", "union"]


def naive_weights(weights, window, zones):
    """(sums ``[layers, heads, zones]``, rows ``[zones]``) of one window, token by token."""
    _, mask, segments, roles = window
    attention, length = {}, int(mask.sum())
    naive_logits(weights, CONFIG, window, BASELINE, attention)
    sums = np.zeros((CONFIG.num_hidden_layers, CONFIG.num_attention_heads, len(zones)))
    rows = np.zeros(len(zones), int)
    for place, zone in enumerate(zones):
        forbidden = naive_mask(zone, roles, mask, segments)[:length, :length] < -5000
        rows[place] = forbidden.any(axis=1).sum()
        for of_head, shares in attention.items():
            sums[(*of_head, place)] = shares[:length, :length][forbidden].sum()
    return sums, rows


@pytest.mark.parametrize("cells", [[BASELINE], [BASELINE, *cells_of(3), Cell(1, "p2", head=1)]])
@pytest.mark.parametrize(
    "zones", [pytest.param(ZONES, marks=pytest.mark.slow), [*ZONES, *OWN_ZONES]]
)
@pytest.mark.parametrize(
    "lengths, options",
    [
        ([5, 17, 24, 3], {}),
        ([24], {}),
        ([9, 4], dict(static_shapes=True)),
        ([9, 13], dict(score_padding=True)),
    ],
)
def test_sums_over_groups_are_those_of_the_softmax(cells, zones, lengths, options, own_zones):  # noqa: F811
    weights = random_weights(CONFIG)
    inputs = random_windows(lengths, 24, CONFIG.vocab_size, seed=len(lengths))
    with tf.Graph().as_default(), tf.Session() as session:
        batch = Batch(*map(tf.constant, inputs), **options)
        _, sums, rows = sweep.read_and_weigh(Reader(CONFIG), batch, cells, weighed=zones)
        load(weights, session)
        sums, rows = session.run([sums, rows])
    assert sums.shape == (len(lengths), 3, 3, len(zones))
    for window in range(len(lengths)):
        expected, looking = naive_weights(weights, inputs[:, window], zones)
        np.testing.assert_array_equal(rows[window], looking)
        np.testing.assert_allclose(sums[window], expected, atol=2e-4)


# The file ---------------------------------------------------------------------------------------


def table(folder):
    with open(str(folder / "attention.csv")) as lines:
        return {
            (row["layer"], row["head"], row["zone"]): float(row["weight"])
            for row in csv.DictReader(lines)
        }


def predictions(folder):
    return {n: content for n, content in contents(folder).items() if n.startswith("predictions")}


def test_the_file_holds_a_mean_for_each_layer_head_and_zone(
    small_files, small_model, tmp_path, capsys
):
    sweep_all = dict(do_sweep=True, prediction_dir=tmp_path / "a")
    small.run(small_files, small_model, **sweep_all)
    predictions_before = predictions(tmp_path / "a")
    small.run(small_files, small_model, write_attention=True, **sweep_all)
    found = table(tmp_path / "a")
    numbers = ("1", "2")
    assert set(found) == {(a, b, zone) for a in numbers for b in numbers for zone in ZONES}
    assert all(0 < weight < 1 for weight in found.values())
    # The n-best list may have another last digit: the baseline was read in other batches.
    assert predictions(tmp_path / "a") == predictions_before
    capsys.readouterr()
    small.run(small_files, small_model, write_attention=True, **sweep_all)
    assert "Nothing is left" in capsys.readouterr().err
    # Alone, and in one go with the cells, it is the same but for the last digit.
    for name, flags in (("b", dict(do_predict=True)), ("c", dict(do_sweep=True))):
        folder = tmp_path / name
        small.run(small_files, small_model, write_attention=True, prediction_dir=folder, **flags)
        other = table(folder)
        assert set(other) == set(found)
        assert max(abs(other[key] - found[key]) for key in found) < 2e-6


def test_zones_of_ones_own_are_weighed(small_files, small_model, tmp_path):
    zones_file = tmp_path / "zones.json"
    zones_file.write_text(json.dumps({"sep": [["any", ["sep", "end"]]], "cls": [["any", "cls"]]}))
    more = dict(do_sweep=True, zones_file=zones_file, prediction_dir=tmp_path / "a")
    small.run(small_files, small_model, write_attention=True, **more)
    found = table(tmp_path / "a")
    for layer in "12":
        for head in "12":
            # Everybody looks at question, passage and special tokens, and at nothing else.
            parts = [found[layer, head, zone] for zone in ("union", "sep", "cls")]
            assert sum(parts) == pytest.approx(1, abs=5e-6)


@pytest.mark.parametrize("flags", [dict(do_predict=True, mask_zone="q2"), dict(do_train=True)])
def test_it_needs_the_unmasked_reader(flags, small_files, small_model, tmp_path, capsys):
    more = dict(write_attention=True, prediction_dir=tmp_path / "a")
    assert small.run(small_files, small_model, **flags, **more) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "--write_attention is about the reader with nothing masked" in line


@pytest.mark.slow
@pytest.mark.parametrize("more", [dict(), dict(sweep_heads=True, mask_zone="p2q")])
def test_killed_and_in_a_cluster_it_is_the_same(more, small_files, small_model, tmp_path):
    more = dict(more, write_attention=True)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert small.start_sweep(small_files, small_model, whole, **more).communicate() is not None
    process = small.start_sweep(small_files, small_model, killed, **more)
    deadline = time.time() + 60
    while time.time() < deadline and len(list(killed.rglob("windows-*.npz"))) < 5:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not contents(killed)
    process = small.start_sweep(small_files, small_model, killed, **more)
    said = process.communicate()[1]
    assert process.returncode == 0 and "unfinished run" in said
    folders = [killed]
    try:
        import ray  # noqa: F401
    except ImportError:
        pass
    else:
        more.update(ray_address="local", ray_workers=2)
        small.start_sweep(small_files, small_model, tmp_path / "ray", **more).communicate()
        folders.append(tmp_path / "ray")
    for folder in folders:
        assert contents(folder) == contents(whole)
        csv_files = [path.joinpath("attention.csv").read_bytes() for path in (folder, whole)]
        assert csv_files[0] == csv_files[1]


@pytest.mark.slow
def test_of_a_sample_that_grew_it_is_of_all_its_questions(small_files, small_model, tmp_path):
    more = dict(do_predict=True, write_attention=True)
    small.run(small_files, small_model, prediction_dir=tmp_path / "whole", **more)
    for number in (10, None):
        more.update(prediction_dir=tmp_path / "grown", max_questions=number)
        assert small.run(small_files, small_model, **more) in (0, None)
    assert table(tmp_path / "grown") == pytest.approx(table(tmp_path / "whole"), abs=2e-6)
