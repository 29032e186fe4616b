"""Fixtures that several test files share."""

import pathlib

import pytest

from tests.support import small

ROOT = pathlib.Path(__file__).resolve().parent.parent


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
    """The output directory of a small model, trained for a few steps. Only to be read."""
    folder = tmp_path_factory.mktemp("model")
    assert small.run(small_files, folder, do_train=True) == 0
    return folder
