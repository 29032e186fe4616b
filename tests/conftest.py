"""Fixtures that several test files share."""

import pathlib

import hypothesis
import pytest

from running import loop
from tests.support import small
from zones import masks

# The same examples each time, so that no change is refused for what another one did. "make fuzz"
# takes others, and more of them (see tests/support/fuzz.py).
hypothesis.settings.register_profile("repeated", derandomize=True, database=None)
hypothesis.settings.register_profile("random", max_examples=500, database=None)
hypothesis.settings.load_profile("repeated")

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def no_own_zones():
    """A process knows the zones of the user's own of one command; tests run many."""
    yield
    masks.define_own({})


@pytest.fixture(scope="session")
def shared():
    """The folder of goldens, real data and published tables beside the project."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the goldens and data of ../shared, which a plain clone does not have")
    return folder


@pytest.fixture(scope="session")
def golden(shared):
    """The English golden folder: questions, checkpoint and what the published code gives."""
    return shared / "golden" / "tiny"


@pytest.fixture(scope="session")
def small_files(tmp_path_factory):
    """Paths of the small data, vocabulary and configuration (see small.py)."""
    return small.write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="session")
def small_model(small_files, tmp_path_factory):
    """A small model of 12 steps, with a checkpoint of step 6 beside the last. Only to be read."""
    folder = tmp_path_factory.mktemp("model")
    assert small.run(small_files, folder, do_train=True, save_checkpoints_steps=6) == 0
    return folder


@pytest.fixture
def jobs(monkeypatch):
    """What the loop would be given to train, for tests of what comes before.

    It trains nothing: a training takes four seconds, the most of them to build its graph.
    """
    given = []
    monkeypatch.setattr(loop, "train", lambda job, *more: given.append(job))
    return given
