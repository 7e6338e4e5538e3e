"""Names and values as a card shows them."""

from typing import Any

from lockstep.errors import one_line

SEPARATED = 10_000  # from which on a whole number's thousands are separated
SHARES = (0.001, 0.9995)  # below and above, a share isn't rounded to none or all


def shortened(text: str, most: int = 40) -> str:
    """Return a text as one line of at most `most` characters."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def shown(value: Any) -> str:
    """Return a value of a card as text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return shortened(value) or "(empty)"
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if not isinstance(value, bool) and abs(value) >= SEPARATED else str(value)


def percent(share: float) -> str:
    """Return a share in percent; only none is 0 % and only all are 100 %."""
    if 0 < share < SHARES[0]:
        return "< 0.1 %"
    return f"{100 * share:.3g} %" if share <= SHARES[1] or share == 1 else "> 99.9 %"


def sparkline(counts: list[int]) -> str:
    """Return a histogram as one line of bars."""
    most = max(*counts, 1)
    return "".join("▁▂▃▄▅▆▇█"[-(-7 * count // most)] for count in counts)
