"""Check a page in a real browser."""

import os
import shutil
from pathlib import Path

import pytest


def look(
    address: str,
    texts: list[str],
    name: str,
    folder: Path,
    login: tuple[str, str] | None = None,
) -> None:
    """Open a page, wait until it shows each of the texts, and keep a screenshot NAME.png.

    The screenshot is saved in LOCKSTEP_SCREENSHOTS if that is set, to be used in docs/. `login` is
    a user's name and password.
    """
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("no chromium: install the package chromium")
    kept = Path(os.environ.get("LOCKSTEP_SCREENSHOTS", folder))
    with sync_playwright() as driver:
        # Chromium's sandbox doesn't work as root; only pages of this machine are opened.
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": 1280, "height": 800},
            http_credentials=dict(zip(("username", "password"), login, strict=True))
            if login
            else None,
        )
        page.goto(address)
        for text in texts:
            page.get_by_text(text).first.wait_for(timeout=60_000)
        page.screenshot(path=kept / f"{name}.png")
        browser.close()
