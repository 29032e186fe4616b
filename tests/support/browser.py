"""A headless Chromium for the tests of pages, where the machine has one. Nothing is installed."""

import contextlib
import json
import os
import shutil
import tempfile

import pytest

_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # containers often have little of it
)


def _program(*names):
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("needs a browser: %s (Debian: chromium, chromium-driver)" % " or ".join(names))
    return found


@contextlib.contextmanager
def chromium():
    """A selenium driver of a Chromium with an empty profile; skips the test if there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    browser, driver = _program("chromium", "chromium-browser"), _program("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in _FLAGS:
        options.add_argument(flag)
    if os.geteuid() == 0:  # as in containers, where Chromium's own does not work
        options.add_argument("--no-sandbox")
    with tempfile.TemporaryDirectory() as profile:
        options.add_argument("--user-data-dir=" + profile)
        service = webdriver.chrome.service.Service(executable_path=driver)
        session = webdriver.Chrome(service=service, options=options)
        try:
            yield session
        finally:
            session.quit()


def resize(session, width, height):
    """Gives the page this size, in CSS pixels; narrow ones are a phone's."""
    session.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )


def requested(session):
    """The addresses that pages asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in session.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
