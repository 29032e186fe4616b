"""Fixtures that the tests of tables, figures and report share."""

import pytest

from tests.support import browser


@pytest.fixture(scope="module")
def session():
    """A headless Chromium; whoever asks for it is skipped where there is none."""
    with browser.chromium() as driver:
        yield driver
