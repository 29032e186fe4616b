"""Fixtures that several test files share."""

import pathlib

import pytest

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
