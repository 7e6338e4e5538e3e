"""Files are parsed also where another thread parses at the same time."""

import ast
import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lockstep.config.python_files import parsed

SOURCE = "def f(a, b):\n    return a + b * (a - b)\n" * 100


@pytest.fixture
def frequent_collections() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(200)
    yield
    gc.set_threshold(*before)


def test_a_thread_that_parses_meanwhile_spoils_no_tree(
    tmp_path: Path, frequent_collections: None
) -> None:
    """A collection of garbage, which runs Python code, lets the other thread run in mid-tree."""
    (tmp_path / "model.py").write_text(SOURCE)
    others = ThreadPoolExecutor(1)
    spoiled: list[int] = []

    def switch(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and len(spoiled) < 3:
            spoiled.append(info["generation"])
            others.submit(ast.parse, "f(x)").result(timeout=10)

    gc.callbacks.append(switch)
    try:
        tree = parsed(tmp_path, Path("model.py"))
    finally:
        gc.callbacks.remove(switch)
        others.shutdown()
    assert len(spoiled) == 3
    assert len(tree.body) == 100
