"""Texts as stored: ids of words or characters, uint16, by a vocabulary from the training split.

`lockstep/modeling/layers.py` does the same to raw strings in TensorFlow, in the registered model.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from lockstep.config.schema import Normalize
from lockstep.data.spec import Input
from lockstep.data.spec.tokens import PADDING, UNKNOWN, WORDS, split
from lockstep.process import console

SPECIAL = 2
MOSTLY = 0.5  # share of unknown tokens from which a line says so


def store_texts(
    raw: Mapping[str, np.ndarray], normalize: Normalize
) -> tuple[Input, dict[str, np.ndarray]]:
    """Return the input's description, and each split's ids, (n, sequence_length).

    A longer text keeps its last tokens, a shorter one is padded in front.
    """
    length, tokens = normalize.sequence_length, normalize.tokens
    known = vocabulary(raw["train"], normalize.max_tokens, tokens)
    number = {token: each for each, token in enumerate(known)}
    arrays = {split: _ids(texts, number, length, tokens) for split, texts in raw.items()}
    _say_unknown(arrays, number[UNKNOWN], tokens)
    return Input("text", [length], "uint16", {}, words=known, tokens=tokens), arrays


def vocabulary(texts: Iterable[str], count: int, tokens: str = WORDS) -> list[str]:
    """Return padding, the unknown token, and the most frequent tokens, ties in sorted order."""
    counts = Counter(token for text in texts for token in split(text, tokens))
    ordered = sorted(counts, key=lambda token: (-counts[token], token))
    return [PADDING, UNKNOWN, *ordered[: count - SPECIAL]]


def _ids(texts: np.ndarray, number: dict[str, int], length: int, tokens: str) -> np.ndarray:
    unknown = number[UNKNOWN]
    ids = np.zeros((len(texts), length), np.uint16)
    for row, text in zip(ids, texts, strict=True):
        found = [number.get(token, unknown) for token in split(text, tokens)[-length:]]
        if found:
            row[-len(found) :] = found
    return ids


def _say_unknown(arrays: Mapping[str, np.ndarray], unknown: int, tokens: str) -> None:
    """Say that most tokens of the validation split aren't in the vocabulary."""
    ids = arrays.get("validation", arrays["train"])
    count, total = int((ids == unknown).sum()), int((ids > 0).sum())
    if count > MOSTLY * total:
        other = " or normalize.tokens to characters" if tokens == WORDS else ""
        console.say(
            f"{count} of {total} {tokens} of the validation split are unknown: the training split "
            f"has too few texts, or set normalize.max_tokens higher{other}"
        )
