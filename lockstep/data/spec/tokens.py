"""How a text is split into words, in NumPy and in TensorFlow.

On UTF-8: HTML line breaks become spaces, apostrophes are removed, A to Z become lower case, and
ASCII other than letters and digits separates words. Other characters stay as they are: Python and
TensorFlow may have different Unicode tables.
"""

import re

BREAK, APOSTROPHE, BETWEEN = r"<br />", r"'", r"[\x00-/:-`{-\x7f]+"
PADDING, UNKNOWN = "", "[unknown]"  # ids 0 and 1; no text has such words


def split_words(text: str) -> list[str]:
    """Return a text's words."""
    plain = text.replace(BREAK, " ").replace(APOSTROPHE, "")
    # bytes.lower changes only ASCII.
    lower = plain.encode("utf-8", "replace").lower().decode("utf-8")
    return [word for word in re.split(BETWEEN, lower) if word]
