"""Stored examples that are made raw again stand for the same: unknown texts stay unknown."""

import numpy as np
import pytest

from lockstep.data.spec import Examples, Input, Spec
from lockstep.data.spec.columns import Column
from lockstep.data.spec.tokens import CHARACTERS, PADDING, UNKNOWN, WORDS, split
from lockstep.serving.raw_cells import raw_cells
from lockstep.serving.raw_examples import raw_examples


@pytest.mark.parametrize("categories", [["", "a", "b"], ["", "[unknown]", "[[unknown]]"]])
def test_an_unknown_category_is_neither_missing_nor_a_category(categories: list[str]) -> None:
    column = Column("category", categories, missing=True)
    unknown, first, last, missing = raw_cells(column, np.arange(4, dtype=np.float32))
    assert (first, last, missing) == (*categories[1:], "")
    assert unknown not in ("", *categories)


@pytest.mark.parametrize(
    ("tokens", "known"),
    [(WORDS, ["unknown", "unknown0", "b"]), (CHARACTERS, ["u", "n", "[", "\ue000"])],
)
def test_unknown_tokens_stay_so(tokens: str, known: list[str]) -> None:
    words = [PADDING, UNKNOWN, *known]
    stored = np.array([[0, 1, 2, 1, 4]], np.uint16)
    text = Input("text", [5], "uint16", {}, words=words, tokens=tokens)
    (raw,) = raw_examples(Spec("own", {"x": text}, {}, {}, "none"), Examples(stored, {}))
    ids = {token: number for number, token in enumerate(words)}
    assert [ids.get(token, 1) for token in split(str(raw), tokens)] == [1, 2, 1, 4]
