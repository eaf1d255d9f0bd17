"""Debian's Chromium, without a window."""

import shutil
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service


def open_chromium(profile: Path, downloads: Path, language: str) -> Chrome:
    """Open a browser that speaks a language; who opens it closes it with `quit`."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser, "Chromium is missing: apt-get install chromium"
    assert driver, "Chromium's driver is missing: apt-get install chromium-driver"
    options = ChromeOptions()
    options.binary_location = browser
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--window-size=1200,1000", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(argument)
    preferences = {"intl.accept_languages": language, "download.default_directory": str(downloads)}
    options.add_experimental_option("prefs", preferences)
    # All that a page's scripts, loads and policies say, warnings too.
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options=options, service=Service(driver))
