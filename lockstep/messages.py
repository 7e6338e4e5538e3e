"""Parts of messages: suggestions for a misspelt name, a library's error in a line, a table."""

import difflib
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

MANY = 10  # names that a line can list


def choice(name: str, known: Iterable[str]) -> str:
    """Return `one of a, b, c; did you mean b?`, the question only if a known name is similar."""
    names = list(known)
    close = difflib.get_close_matches(name.lower(), [each.lower() for each in names], 1, 0.5)
    hint = [each for each in names if close and each.lower() == close[0]]
    return f"one of {', '.join(names)}" + (f"; did you mean {hint[0]}?" if hint else "")


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return `one of a, b, c`, of many names only the most similar ones."""
    names = list(known)
    if len(names) <= MANY:
        return choice(name, names)
    close = difflib.get_close_matches(name, names, count, 0) or names[:count]
    return f"one of {len(names)} names, such as {', '.join(close)}"


def first_line(error: Exception) -> str:
    """Return the first line of a library's error message, without a leading `Class.__init__()`."""
    return re.sub(r"^\w+\.__init__\(\) ", "", words_of(error))


def words_of(error: Exception) -> str:
    """Return the first line of a library's error message.

    Keras surrounds some messages with a long explanation and prints the actual error in bold.
    """
    bold = re.search(r"\x1b\[1m(.*?)\x1b\[0m", str(error), re.DOTALL)
    text = bold[1] if bold else str(error)
    return text.strip().partition("\n")[0]


def without_login(address: str) -> str:
    """Return a URL without what may be secret in it: user name, password and query."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of as many cells each as lines, with the columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (zip(row, widths, strict=True) for row in rows)
    return "\n".join("  ".join(f"{c:{width}}" for c, width in line).rstrip() for line in lines)
