"""Texts as stored: word ids, uint16, by a vocabulary from the training split.

`lockstep/modeling/layers.py` does the same to raw strings in TensorFlow, in the registered model.
"""

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from lockstep.data.spec import Input

# On UTF-8: HTML line breaks become spaces, apostrophes are removed, A to Z become lower case, and
# ASCII other than letters and digits separates words. Other characters stay as they are: Python and
# TensorFlow may have different Unicode tables.
BREAK, APOSTROPHE, BETWEEN = r"<br />", r"'", r"[\x00-/:-`{-\x7f]+"
PADDING, UNKNOWN = "", "[unknown]"  # ids 0 and 1; no text has such words
SPECIAL = 2


def store_texts(
    raw: dict[str, np.ndarray], words: int, length: int
) -> tuple[Input, dict[str, np.ndarray]]:
    """Return the input's description, and each split's ids, (n, length), for at most `words` words.

    A longer text keeps its last words, a shorter one is padded in front.
    """
    known = vocabulary(raw["train"], words)
    number = {word: each for each, word in enumerate(known)}
    arrays = {split: _ids(texts, number, length) for split, texts in raw.items()}
    return Input("text", [length], "uint16", {}, words=known), arrays


def split_words(text: str) -> list[str]:
    """Return a text's words."""
    plain = text.replace(BREAK, " ").replace(APOSTROPHE, "")
    # bytes.lower changes only ASCII.
    lower = plain.encode("utf-8", "replace").lower().decode("utf-8")
    return [word for word in re.split(BETWEEN, lower) if word]


def vocabulary(texts: Iterable[str], words: int) -> list[str]:
    """Return padding, the unknown word, and the most frequent words, ties in sorted order."""
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
