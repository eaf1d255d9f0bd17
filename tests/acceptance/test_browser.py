"""The main path as a person goes it, in Debian's Chromium."""

import hashlib
import json
import os
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from tests.acceptance.demo import DemoProcess
from tests.browsers import open_chromium

#: From placing an order until it can be taken, with room for a busy machine.
READY_SECONDS = 90

pytestmark = pytest.mark.timeout(300)

OpenBrowser = Callable[[str], "Browser"]


class Browser:
    """A browser, and the few things that a person does with it."""

    def __init__(self, driver: Chrome, url: str, downloads: Path) -> None:
        self.driver = driver
        self.url = url
        self.downloads = downloads

    def go(self, path: str) -> None:
        self.driver.get(self.url + path)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self) -> str:
        return self.find("main").text

    def until_text(self, words: str, seconds: float = 15) -> None:
        wait = WebDriverWait(self.driver, seconds)
        wait.until(
            expected_conditions.text_to_be_present_in_element((By.TAG_NAME, "main"), words), f"never saw: {words}"
        )

    def picture(self, name: str) -> None:
        """Keep a picture for the documentation, where somebody asked for it."""
        folder = os.environ.get("DOWNMAN_PICTURES")
        if folder:
            self.driver.save_screenshot(str(Path(folder) / name))

    def complaints(self) -> list[str]:
        """Return what the page's scripts and loads complained about."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def order(self, *resources: str) -> None:
        """Choose on the portal, go on, and place the order."""
        self.go("/")
        for resource in resources:
            box = self.find(f'input[name="resource"][value="{resource}"]')
            box.click()
            assert box.is_selected(), f"a click on {resource} did not choose it"
        self.find(".bar button").click()
        self.find('input[name="email"]').send_keys("ana@example.org")
        self.find(".actions button").click()
        WebDriverWait(self.driver, 15).until(expected_conditions.url_contains("/downloads/requests/"))


@pytest.fixture
def browse(demo: DemoProcess, tmp_path: Path) -> Iterator[OpenBrowser]:
    """Open browsers that speak a language; they are closed at the end."""
    drivers: list[Chrome] = []

    def opened(language: str) -> Browser:
        drivers.append(open_chromium(tmp_path / f"profile-{len(drivers)}", tmp_path / "downloads", language))
        # A click comes back before the page that it leads to is there.
        drivers[-1].implicitly_wait(15)
        return Browser(drivers[-1], demo.url, tmp_path / "downloads")

    yield opened
    for open_driver in drivers:
        open_driver.quit()


def test_a_person_orders_two_resources_watches_them_come_and_takes_them(browse: OpenBrowser, demo: DemoProcess) -> None:
    browser = browse("en")
    browser.go("/")
    browser.picture("portal.png")
    browser.order("jacksboro-dem", "countries")
    page = browser.driver.current_url
    browser.until_text("Everything that you ordered can be downloaded", READY_SECONDS)
    assert browser.driver.current_url == page
    assert browser.driver.title.startswith("Ready")
    assert browser.complaints() == []
    browser.picture("order-ready.png")

    browser.find(".verify summary").click()
    digest = browser.find(".digest code").text
    button = browser.find("a.button[download]")
    name = browser.find(".link h2").text
    button.click()
    package = browser.downloads / name
    WebDriverWait(browser.driver, 30).until(lambda _driver: package.is_file(), "the package was not downloaded")
    assert hashlib.sha256(package.read_bytes()).hexdigest() == digest
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert json.loads(archive.read(next(item for item in names if item.endswith("manifest.json"))))
    for wanted in ("jacksboro_dem.asc", "jacksboro_dem.prj", "countries.geojson"):
        assert any(item.endswith(wanted) for item in names), names

    with urllib.request.urlopen(str(button.get_attribute("href")), timeout=10) as answer:  # noqa: S310 - our own server
        assert answer.status == 200


def test_a_person_cancels_and_the_link_is_dead(browse: OpenBrowser) -> None:
    browser = browse("en")
    browser.order("countries-table")
    browser.until_text("Everything that you ordered can be downloaded", READY_SECONDS)
    link = str(browser.find("a.button[download]").get_attribute("href"))
    browser.find("#tracking > .cancel summary").click()
    browser.find("#tracking > .cancel button").click()
    browser.until_text("This order was cancelled")
    assert "This link was cancelled by you" in browser.text()
    browser.driver.get(link)
    assert "This link was cancelled" in browser.text()


def test_a_browser_that_speaks_spanish_gets_spanish_and_can_switch(browse: OpenBrowser, demo: DemoProcess) -> None:
    browser = browse("es")
    browser.order("countries-table")
    browser.until_text("Ya puede descargar todo lo que pidió", READY_SECONDS)
    assert browser.find("html").get_attribute("lang") == "es"
    browser.find('.languages button[value="en"]').click()
    browser.until_text("Everything that you ordered can be downloaded")

    page = browser.driver.current_url

    def written(_driver: object) -> bool:
        mails = [message_from_bytes(path.read_bytes(), policy=default) for path in (demo.home / "mail").glob("*.eml")]
        texts = [mail.get_body(("plain",)) for mail in mails if mail["Subject"].startswith("Sus datos están listos (")]
        return any(text is not None and page in text.get_content() for text in texts)

    WebDriverWait(browser.driver, READY_SECONDS).until(written, "no mail in Spanish was sent")


def test_the_order_page_keeps_its_cart_and_says_what_is_wrong(browse: OpenBrowser) -> None:
    browser = browse("en")
    browser.go("/downloads/order/?resource=jacksboro-dem&resource=countries")
    browser.driver.refresh()
    assert "Elevation around Jacksboro" in browser.text()
    assert "Limit to an area" not in browser.text(), "neither of them can be cut"
    # The Enter key places the order.
    browser.find('input[name="email"]').send_keys("ana@example.invalid\n")
    browser.until_text("The order was not placed yet")
    browser.find('button[name="remove"][value="jacksboro-dem"]').click()
    WebDriverWait(browser.driver, 15).until(
        expected_conditions.url_to_be(f"{browser.url}/downloads/order/?resource=countries")
    )
    address = browser.find('input[name="email"]')
    assert address.get_attribute("value") == "ana@example.invalid"
    # A near miss is told before the order is sent, and put right with a button.
    address.clear()
    address.send_keys("ana@gmial.com\t")
    browser.until_text("Did you mean ana@gmail.com?")
    browser.find("#email-offer button").click()
    assert address.get_attribute("value") == "ana@gmail.com"


def test_without_scripts_the_order_is_placed_and_its_page_moves(browse: OpenBrowser) -> None:
    browser = browse("en")
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.order("countries-table")
    browser.until_text("Everything that you ordered can be downloaded", READY_SECONDS)


@pytest.mark.parametrize("width", [390, 1200])
def test_no_page_is_wider_than_the_screen(browse: OpenBrowser, width: int) -> None:
    browser = browse("es")
    browser.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.order("countries-table", "jacksboro-dem")
    pages = (
        "/",
        "/downloads/order/?resource=countries",
        browser.driver.current_url.removeprefix(browser.url),
        "/downloads/links/x/",
    )
    for page in pages:
        browser.go(page)
        assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= width, page
