"""Headless Chromium, for tests of pages as people see them."""

import contextlib
import importlib.util
import os
import shutil

import pytest

CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def require(found, name):
    """Skips the test if something is missing; on CI, where it must be there, fails."""
    if not found:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"This test needs {name}.")


def require_browser():
    """Skips the test where there is no Chromium that can be driven; on CI, fails."""
    require(importlib.util.find_spec("selenium"), "selenium")
    require(shutil.which("chromium"), "chromium")
    require(shutil.which("chromedriver"), "chromedriver")


@contextlib.contextmanager
def browser(profile, window="1600,1800"):
    """Runs Chromium without a screen and with a profile of its own; it logs all requests."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*CHROMIUM_FLAGS, f"--window-size={window}", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()
