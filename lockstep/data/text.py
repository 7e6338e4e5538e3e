"""Texts as stored: ids of words or characters, uint16, by a vocabulary from the training split.

`lockstep/modeling/layers.py` does the same to raw strings in TensorFlow, in the registered model.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from lockstep.config.schema import Normalize
from lockstep.data.blocks import blocks
from lockstep.data.readers.stored_texts import Texts
from lockstep.data.spec import Input
from lockstep.data.spec.tokens import PADDING, UNKNOWN, WORDS, split
from lockstep.process import console
from lockstep.process.workers import Workers
from lockstep.storage import disk
from lockstep.storage.atomic_files import unused_path

Result = TypeVar("Result")
SPECIAL = 2
BATCH = 250  # texts; small, so that progress is shown and processes end together
MOSTLY = 0.5  # share of unknown tokens from which a line says so


def store_texts(
    raw: Mapping[str, np.ndarray | Texts],
    normalize: Normalize,
    processes: int | None = None,
    scratch: Path | None = None,
) -> tuple[Input, dict[str, np.ndarray]]:
    """Return the input's description, and each split's ids, (n, sequence_length).

    A longer text keeps its last tokens, a shorter one is padded in front. The ids are the same for
    any number of processes; None takes as many as pay. They are memory maps if there is a folder
    `scratch`.
    """
    length, tokens = normalize.sequence_length, normalize.tokens
    total = len(raw["train"]) + sum(map(len, raw.values()))
    with (
        console.count_bar("texts", total) as done,
        Workers("splits texts into tokens", processes) as workers,
    ):
        counts: Counter[str] = Counter()
        for at, found in _in_batches(partial(_counts, tokens), raw["train"], workers):
            counts.update(found)
            done(min(BATCH, len(raw["train"]) - at))
        known = _most_frequent(counts, normalize.max_tokens)
        number = {token: each for each, token in enumerate(known)}
        arrays = {split: _zeros((len(x), length), split, scratch) for split, x in raw.items()}
        for split, texts in raw.items():
            for at, ids in _in_batches(partial(_ids, number, length, tokens), texts, workers):
                arrays[split][at : at + BATCH] = ids
                done(len(ids))
    _say_unknown(arrays, number[UNKNOWN], tokens)
    return Input("text", [length], "uint16", {}, words=known, tokens=tokens), arrays


def _zeros(shape: tuple[int, int], split: str, scratch: Path | None) -> np.ndarray:
    if scratch is None:
        return np.zeros(shape, np.uint16)
    path = unused_path(scratch, f"{split}-ids", ".npy")
    disk.require_space(path, math.prod(shape) * np.dtype(np.uint16).itemsize)
    mapped: np.ndarray = np.lib.format.open_memmap(path, "w+", np.uint16, shape)
    return mapped


def _in_batches(
    compute: Callable[[np.ndarray | Texts], Result], texts: np.ndarray | Texts, workers: Workers
) -> Iterator[tuple[int, Result]]:
    """Yield the index of each batch's first text with its result, in any order."""
    batches = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
    return ((number * BATCH, found) for number, found in workers.run(compute, batches))


def vocabulary(texts: Iterable[str], count: int, tokens: str = WORDS) -> list[str]:
    """Return padding, the unknown token, and the most frequent tokens, ties in sorted order."""
    return _most_frequent(_counts(tokens, texts), count)


def _counts(tokens: str, texts: Iterable[str]) -> Counter[str]:
    return Counter(token for text in texts for token in split(text, tokens))


def _most_frequent(counts: Counter[str], count: int) -> list[str]:
    ordered = sorted(counts, key=lambda token: (-counts[token], token))
    return [PADDING, UNKNOWN, *ordered[: count - SPECIAL]]


def _ids(number: dict[str, int], length: int, tokens: str, texts: np.ndarray | Texts) -> np.ndarray:
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
    count = sum(int((ids[block] == unknown).sum()) for block in blocks(ids))
    total = sum(int((ids[block] > 0).sum()) for block in blocks(ids))
    if count > MOSTLY * total:
        other = " or normalize.tokens to characters" if tokens == WORDS else ""
        console.say(
            f"{count} of {total} {tokens} of the validation split are unknown: the training split "
            f"has too few texts, or set normalize.max_tokens higher{other}"
        )
