"""How a text is split into words or characters, in NumPy and in TensorFlow.

On UTF-8: HTML line breaks become spaces, and A to Z become lower case. Of words, apostrophes are
removed, and ASCII other than letters and digits separates them. Other characters stay as they are:
Python and TensorFlow may have different Unicode tables. Characters are Unicode's, with all blanks.
"""

import itertools
import re
from collections.abc import Container

BREAK, APOSTROPHE, BETWEEN = r"<br />", r"'", r"[\x00-/:-`{-\x7f]+"
PADDING, UNKNOWN = "", "[unknown]"  # ids 0 and 1; no text has such words
WORDS, CHARACTERS = "words", "characters"


def split(text: str, tokens: str) -> list[str]:
    """Return a text's tokens, which are words or characters."""
    if tokens == WORDS:
        return split_words(text)
    return list(_lower(text.replace(BREAK, " ")))


def unknown_token(known: Container[str], tokens: str) -> str:
    """Return a word or character that isn't a known one."""
    # Unicode gives the characters from E000 on no meaning.
    words = (f"unknown{number}" for number in itertools.count())
    found = words if tokens == WORDS else map(chr, itertools.count(0xE000))
    return next(token for token in found if token not in known)


def _lower(text: str) -> str:
    # bytes.lower changes only ASCII.
    return text.encode("utf-8", "replace").lower().decode("utf-8")


def split_words(text: str) -> list[str]:
    """Return a text's words."""
    plain = text.replace(BREAK, " ").replace(APOSTROPHE, "")
    return [word for word in re.split(BETWEEN, _lower(plain)) if word]
