"""The documentation page in a real browser: complete, self-contained, and it can be tried out."""

import json
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as shown
from selenium.webdriver.support.wait import WebDriverWait

from tests.stack import API_KEY, Stack

SECONDS = 30
INTERNAL = ("data", "blob", "about", "chrome")
OPERATIONS = {
    "operations-default-reg",
    "operations-default-predict",
    "operations-default-createTask",
    "operations-default-showTask",
    "operations-default-cancelTask",
    "operations-default-livez",
    "operations-default-readyz",
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no browser here: apt-get install chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--window-size=1200,2000",
        f"--user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    browser = Chrome(options=options, service=ChromeService(driver))
    yield browser
    browser.quit()


class Page:
    """The page, and every request it made."""

    def __init__(self, browser: Chrome) -> None:
        self._browser = browser
        self._wait = WebDriverWait(browser, SECONDS)
        self._requests: list[str] = []

    def find(self, selector: str) -> Any:
        return self._wait.until(shown.visibility_of_element_located((By.CSS_SELECTOR, selector)))

    def click(self, selector: str) -> None:
        self._wait.until(shown.element_to_be_clickable((By.CSS_SELECTOR, selector))).click()

    def operations(self) -> set[str]:
        self.find(".opblock")
        blocks = self._browser.find_elements(By.CSS_SELECTOR, ".opblock")
        return {str(block.get_attribute("id")) for block in blocks}

    def requested(self) -> list[str]:
        """URLs of all requests so far; what the browser has in itself (``data:``) left out."""
        for entry in self._browser.get_log("performance"):  # type: ignore[no-untyped-call]
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                self._requests.append(event["params"]["request"]["url"])
        return [url for url in self._requests if urlsplit(url).scheme not in INTERNAL]


@pytest.fixture(scope="module")
def page(browser: Chrome, stack: Stack) -> Page:
    browser.get(f"{stack.url}/docs")
    return Page(browser)


def test_every_operation_is_listed(page: Page) -> None:
    assert page.operations() == OPERATIONS


def test_the_example_of_the_customers_call_can_be_tried_out(page: Page, stack: Stack) -> None:
    page.click(".btn.authorize")
    page.find(".auth-container input").send_keys(API_KEY)
    page.click(".auth-btn-wrapper .authorize")
    page.click(".auth-btn-wrapper .btn-done")
    page.click("#operations-default-reg .opblock-summary-control")
    page.click("#operations-default-reg .try-out__btn")
    page.click("#operations-default-reg .execute")
    answer = "#operations-default-reg .live-responses-table .response"
    status = page.find(f"{answer} .response-col_status")
    body = page.find(f"{answer} .highlight-code").text
    assert status.text.split() == ["200"], body
    assert '"status": "ok"' in body
    assert f"{stack.url}/reg/" in page.requested()


def test_the_page_asks_nobody_but_the_service(page: Page, stack: Stack) -> None:
    asked = page.requested()
    assert f"{stack.url}/openapi.json" in asked
    hosts = {urlsplit(url).netloc for url in asked}
    assert hosts == {urlsplit(stack.url).netloc}, asked
