"""What the data card says of an input of texts, as the model gets them: token ids."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lockstep.data.card.values import histogram, number, sampled, share
from lockstep.data.spec import Input
from lockstep.data.spec.tokens import WORDS

UNKNOWN = 1  # the id of a word that the vocabulary doesn't have; 0 pads
SAMPLES, LONGEST = 8, 160


def describe_texts(found: Input, splits: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return lengths and samples of the training split's ids, and each split's unknown words."""
    ids = sampled(splits["train"])
    lengths = (ids > 0).sum(axis=1)
    limits = int(lengths.min()), int(lengths.max())
    return {
        "vocabulary": len(found.words),
        "minimum": limits[0],
        "maximum": limits[1],
        "mean": number(round(float(lengths.mean()), 2)),
        "empty": share((lengths == 0).sum(), len(lengths)),
        "unknown": {split: _unknown(sampled(each)) for split, each in splits.items()},
        "histogram": histogram(lengths, *limits),
        "samples": [_text(row, found) for row in sampled(ids, SAMPLES)],
    }


def _unknown(ids: np.ndarray) -> float:
    return share((ids == UNKNOWN).sum(), int((ids > 0).sum()))


def _text(ids: np.ndarray, found: Input) -> str:
    between = " " if found.tokens == WORDS else ""
    text = between.join(found.words[each] for each in ids if each > 0)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
