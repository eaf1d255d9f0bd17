"""A size reads the same on a page as it was sent, in the script that rewrites it, in e-mails and in terminals."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from django.contrib.staticfiles import finders
from django.utils.translation import override
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from downman.domain.sizes import format_size
from downman.templatetags.downman_display import size_in_words

#: Around each place at which a digit or a unit changes, and others by chance, the same each time.
_EDGES = [head * 10**tail + near for tail in range(16) for head in (1, 5, 10, 95, 125, 9995) for near in (-1, 0, 1)]
_CHANCE = Random(13)  # noqa: S311 - no secret
SIZES = (
    *sorted({size for size in _EDGES if 0 <= size < 2**53}),
    *(_CHANCE.randrange(10 ** _CHANCE.randint(1, 15)) for _ in range(2000)),
    # Halves of what is shown.
    *(number * 50 * 1000**power for number in range(1, 2000, 2) for power in range(4)),
    0,
    999,
    1000,
    1250,
    99_949,
    99_950,
    150_000,
    999_499,
    999_500,
    1_500_000,
    3_000_000_000,
    7_200_000_000_000_000,
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    """Return a browser that has loaded no page."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert program, "Chromium is missing: apt-get install chromium"
    assert driver, "Chromium's driver is missing: apt-get install chromium-driver"
    options = ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path / 'profile'}")
    opened = Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


def test_page_script_mail_and_terminal_give_one_text(browser: Chrome) -> None:
    rule = Path(str(finders.find("downloads/sizes.js"))).read_text(encoding="utf-8")
    for language in ("en", "es"):
        call = f"{rule}\nreturn {json.dumps(SIZES)}.map((size) => sizeInWords(size, '{language}'));"
        with override(language):
            # The filter is that of pages and e-mails.
            assert browser.execute_script(call) == [size_in_words(size) for size in SIZES]
    with override("en"):
        assert [size_in_words(size).replace("\N{NO-BREAK SPACE}", " ") for size in SIZES] == list(
            map(format_size, SIZES)
        )
