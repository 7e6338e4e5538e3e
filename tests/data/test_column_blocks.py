"""A table's columns are described and stored in blocks: the same bits for blocks of any size."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from lockstep.data import blocks
from lockstep.data.columns import cell_blocks, description
from lockstep.data.float32 import origin_of
from lockstep.errors import DataError
from lockstep.process.memory_bound import bounded
from tests.data.test_user_files import normalized
from tests.support.workspaces import change_params

COUNT = 400
BYTES = blocks.BYTES
RANDOM = np.random.default_rng(0).normal(size=COUNT)
CELLS: dict[str, Callable[[int], object]] = {
    "fraction": lambda n: RANDOM[n],
    "gaps": lambda n: RANDOM[n - 1] if n % 7 else "",
    "second": lambda n: 1_700_000_000 + n * 7919 % COUNT,
    "degree": lambda n: 51.5 + n * 7919 % COUNT * 1e-6 if n % 90 else "NA",
    "day": lambda n: f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" if n % 80 else "",
    "colour": lambda n: ("red", "green", "blue", "")[n % 11 % 4] if n < COUNT - 9 else "late",
    "y": lambda n: n / 9 if n % 50 else "",
}
COLUMNS = {"day": ["date", "weekday"], "colour": "category"}


def write(path: Path) -> Path:
    rows = (",".join(str(cell(n)) for cell in CELLS.values()) for n in range(COUNT))
    path.write_text("\n".join([",".join(CELLS), *rows]) + "\n")
    return path


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The numbers that were gathered of columns: memory maps, if they are more than a block."""
    found = []

    def collect(*given: Any) -> np.ndarray:
        found.append(blocks.collected(*given))
        return found[-1]

    monkeypatch.setattr(description, "collected", collect)
    return found


def are_mapped(arrays: list[np.ndarray]) -> bool:
    return any(isinstance(each, np.memmap) for each in arrays)


def hashes(workspace: Path) -> list[tuple[str, str]]:
    files = sorted((workspace / "data" / "ready").iterdir())
    files.append(workspace / "report" / "data.json")
    return [(each.name, hashlib.sha256(each.read_bytes()).hexdigest()) for each in files]


@pytest.mark.parametrize("missing", ["mean", "median"])
def test_blocks_of_any_size_give_the_same_bits(
    workspace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    collected: list[np.ndarray],
    missing: str,
) -> None:
    path, found = write(tmp_path / "mine.csv"), []
    change_params(workspace, {"normalize.missing": missing, "data.drop_missing_targets": True})
    for size, cells in ((blocks.BYTES, cell_blocks.BYTES), (500, 300)):
        monkeypatch.setattr(blocks, "BYTES", size)
        monkeypatch.setattr(cell_blocks, "BYTES", cells)
        assert not are_mapped(collected)
        spec = normalized(workspace, path, columns=COLUMNS)
        found.append(hashes(workspace))
    assert found[0] == found[1]
    assert are_mapped(collected)  # else this shows nothing
    columns = spec.inputs["x"].columns
    assert (columns["fraction"].origin, columns["degree"].origin) == (0, 51)
    assert columns["second"].origin >= 1_700_000_000
    assert columns["colour"].categories[1:] == ["blue", "green", "late", "red"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_any_memory_bound_gives_the_same_bytes(
    workspace: Path, tmp_path: Path, collected: list[np.ndarray], suffix: str
) -> None:
    count, path = 30_000, tmp_path / f"mine.{suffix}"
    random = np.random.default_rng(0)
    columns = {
        "number": random.normal(size=count),
        "gaps": pa.array(random.normal(size=count), mask=random.random(count) < 0.1),
        "second": 1_700_000_000 + random.permutation(count),
        "colour": random.choice(["red", "green", "blue"], count),
        "patient": [f"p{n}" for n in random.integers(0, 500, count)],
        "weight": random.integers(1, 9, count) / 8,
        "kind": random.choice(["cat", "dog", "bird"], count),
    }
    writer = pyarrow.csv.write_csv if suffix == "csv" else pyarrow.parquet.write_table
    writer(pa.table(columns), path)
    given: dict[str, Any] = {"name": "csv" if suffix == "csv" else "table", "target": "kind"}
    given |= {"group": "patient", "sample_weight": "weight"}
    found = []
    for memory_mb in (100_000, 1):
        values = {"normalize.memory_mb": memory_mb, "normalize.missing": "median"}
        change_params(workspace, values)
        assert not are_mapped(collected)
        normalized(workspace, path, **given)
        found.append(hashes(workspace))
    assert found[0] == found[1]
    assert are_mapped(collected)
    assert bounded(BYTES) == BYTES  # after the stage


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 500])
@pytest.mark.parametrize("size", [8, 64, 512])
def test_origins_of_values_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, size: int
) -> None:
    random = np.random.default_rng(count)
    for values in (
        1_700_000_000 + random.permutation(count) // 2 * 2.0,
        51.5 + random.integers(0, count, count) * 1e-6,
        random.random(count),
    ):
        expected = origin_of("a", values)
        monkeypatch.setattr(blocks, "BYTES", size)
        mapped = blocks.gathered([values], np.float64, tmp_path / f"{values[0]}.bin")
        assert origin_of("a", mapped, tmp_path) == expected
        monkeypatch.undo()


def test_values_in_files_that_float32_cant_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BYTES", 64)
    values = np.append(np.arange(100.0), [2.0**60 + 2**30, 2.0**60])[::-1]
    mapped = blocks.gathered([values], np.float64, tmp_path / "numbers.bin")
    pair = f"{2.0**60!r} and {2.0**60 + 2**30!r} are one number in float32"
    with pytest.raises(DataError) as raised:
        origin_of("a", mapped, tmp_path)
    assert str(raised.value) == f"a: {pair}; scale or drop it"
