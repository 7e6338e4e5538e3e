"""Text as it is stored: ids of words, uint16, by a vocabulary from the training split.

`lockstep/modeling/layers.py` does the same to raw strings in TensorFlow, where a registered model
serves.
"""

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from lockstep.data.spec import Input

# Of the text's UTF-8: a line break of HTML and apostrophes go, all ASCII but letters and digits
# separates words, and A to Z become small. What isn't ASCII stays, so that no tool's tables of
# Unicode matter.
BREAK, APOSTROPHE, BETWEEN = r"<br />", r"'", r"[\x00-/:-`{-\x7f]+"
PADDING, UNKNOWN = "", "[unknown]"  # the ids 0 and 1; no text has such words
SPECIAL = 2


def store_texts(
    raw: dict[str, np.ndarray], words: int, length: int
) -> tuple[Input, dict[str, np.ndarray]]:
    """Return each split's texts, (n, length) ids of at most `words`, and what describes them.

    A longer text keeps its last words, a shorter one is padded in front.
    """
    known = vocabulary(raw["train"], words)
    number = {word: each for each, word in enumerate(known)}
    arrays = {split: _ids(texts, number, length) for split, texts in raw.items()}
    return Input("text", [length], "uint16", {}, words=known), arrays


def split_words(text: str) -> list[str]:
    """Return a text's words."""
    plain = text.replace(BREAK, " ").replace(APOSTROPHE, "")
    # Only ASCII is made small: as bytes.
    small = plain.encode("utf-8", "replace").lower().decode("utf-8")
    return [word for word in re.split(BETWEEN, small) if word]


def vocabulary(texts: Iterable[str], words: int) -> list[str]:
    """Return padding, the unknown word, and the most frequent words, equals by the alphabet."""
    counts = Counter(word for text in texts for word in split_words(text))
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return [PADDING, UNKNOWN, *ordered[: words - SPECIAL]]


def _ids(texts: np.ndarray, number: dict[str, int], length: int) -> np.ndarray:
    unknown = number[UNKNOWN]
    ids = np.zeros((len(texts), length), np.uint16)
    for row, text in zip(ids, texts, strict=True):
        found = [number.get(word, unknown) for word in split_words(text)[-length:]]
        if found:
            row[-len(found) :] = found
    return ids
