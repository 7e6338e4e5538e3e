"""Progress of long work is forwarded, and short work shows nothing."""

import io
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from lockstep.process import console

Bar = Callable[[str, int], Iterator[Callable[[int], None]]]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setattr(console, "console", Console(file=written, force_terminal=True, width=80))
    return written


@pytest.mark.parametrize("bar", [console.count_bar, console.reading_bar])
@pytest.mark.parametrize(("quiet", "shares"), [(-1.0, [0.25, 1.0]), (60.0, [])])
def test_long_work_shows_its_share_and_time_left(
    terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch, bar: Bar, quiet: float, shares: list
) -> None:
    monkeypatch.setattr(console, "QUIET_SECONDS", quiet)
    found: list[float] = []
    with console.forwarding_to(lambda line: None, found.append), bar("texts", 8) as done:
        done(2)
        done(6)
    assert found == shares
    assert ("texts" in terminal.getvalue()) == bool(shares)
    assert (":" in terminal.getvalue()) == bool(shares)  # a time


def test_a_bar_ends_at_its_total(terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "QUIET_SECONDS", -1.0)
    with console.reading_bar("texts", 5) as done:
        done(4096)
    assert "5/5 bytes" in terminal.getvalue()
