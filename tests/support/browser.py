"""Check a page in a real browser."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import SLOWEST

LONGEST_WAIT = 60_000 * SLOWEST  # in ms


@contextmanager
def opened(
    address: str,
    login: tuple[str, str] | None = None,
    *,
    height: int = 800,
    offline: bool = False,
) -> Iterator[Any]:
    """Open a page in Debian's Chromium; `login` is a user's name and password."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("no chromium: install the package chromium")
    with sync_playwright() as driver:
        # Chromium's sandbox doesn't work as root; only pages of this machine are opened.
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": 1280, "height": height},
            http_credentials=dict(zip(("username", "password"), login, strict=True))
            if login
            else None,
        )
        page.set_default_timeout(LONGEST_WAIT)
        page.context.set_offline(offline)
        page.goto(address)
        yield page
        browser.close()


def look(
    address: str,
    texts: list[str],
    name: str,
    folder: Path,
    login: tuple[str, str] | None = None,
) -> None:
    """Open a page, wait until it shows each of the texts, and keep a screenshot NAME.png."""
    with opened(address, login) as page:
        for text in texts:
            page.get_by_text(text).first.wait_for()
        keep(page, name, folder)


def keep(page: Any, name: str, folder: Path) -> None:
    """Save a screenshot: in LOCKSTEP_SCREENSHOTS if that is set, to be used in docs/."""
    page.screenshot(path=Path(os.environ.get("LOCKSTEP_SCREENSHOTS", folder)) / f"{name}.png")
