"""Texts as stored: word ids, uint16, by a vocabulary from the training split.

`lockstep/modeling/layers.py` does the same to raw strings in TensorFlow, in the registered model.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from lockstep.data.spec import Input
from lockstep.data.spec.tokens import PADDING, UNKNOWN, split_words

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
