"""How what is wrong is said: names that are close, and the first line of a library's words."""

import difflib
import re
from collections.abc import Iterable


def choice(name: str, known: Iterable[str]) -> str:
    """Return `one of a, b, c; did you mean b?`, the last if the name is close to one."""
    names = list(known)
    close = difflib.get_close_matches(name.lower(), [each.lower() for each in names], 1, 0.5)
    hint = [each for each in names if close and each.lower() == close[0]]
    return f"one of {', '.join(names)}" + (f"; did you mean {hint[0]}?" if hint else "")


def first_line(error: Exception) -> str:
    """Return the first line of what a library says, without the method it says it in.

    Keras may say that at length around it, and sets what is wrong in bold.
    """
    bold = re.search(r"\x1b\[1m(.*?)\x1b\[0m", str(error), re.DOTALL)
    text = bold[1] if bold else str(error)
    return re.sub(r"^\w+\.__init__\(\) ", "", text.strip().partition("\n")[0])
