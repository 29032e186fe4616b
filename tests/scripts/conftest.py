"""These tests start hundreds of shells: all are slow, but the few that stand for the others."""

import pathlib

import pytest

_HERE = pathlib.Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks as slow what is not marked as quick."""
    for item in items:
        if _HERE in item.path.parents and not item.get_closest_marker("quick"):
            item.add_marker(pytest.mark.slow)
