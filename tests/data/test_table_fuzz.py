"""Any file, whatever it holds, is a table or one line of an error."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockstep.data.columns.tables import examples_of
from lockstep.data.readers import table_batches
from lockstep.data.readers.table_batches import read_mapped
from lockstep.data.readers.table_files import READERS, read_table
from lockstep.data.spec import Examples
from lockstep.errors import DataError
from tests.support.fuzzing import SETTINGS, ended
from tests.support.workspaces import with_values

TABLE = pa.table({"a": [1.5, None, 3.0] * 9, "b": ["x", "y", None] * 9, "y": range(27)})


@pytest.fixture
def ends(tmp_path: Path) -> Callable[[bytes, str], Examples | None]:
    """Reads a file of these bytes, which must give examples or an error of one line."""
    data = with_values({"data.name": "csv"}).data

    def read(content: bytes, suffix: str) -> Examples | None:
        path = tmp_path / f"mine{suffix}"
        path.write_bytes(content)
        ended(lambda: read_table(path, data))  # as `lockstep predict` reads it
        mapped = suffix in table_batches.READERS
        found = ended(lambda: examples_of({"train": whole(path, mapped)}, data).splits["train"])
        assert isinstance(found, Examples | DataError)
        return found if isinstance(found, Examples) else None

    def whole(path: Path, mapped: bool) -> pa.Table:
        return read_mapped(path, data, tmp_path) if mapped else read_table(path, data)

    return read


@SETTINGS
@given(content=st.binary(max_size=200))
@pytest.mark.parametrize("suffix", sorted(READERS))
def test_any_bytes(ends: Callable[[bytes, str], object], suffix: str, content: bytes) -> None:
    ends(content, suffix)


@SETTINGS
@given(text=st.text("ab1-.,;|\"' \t\n#?eE%$\u00e9\0", max_size=120))
def test_any_delimited_text(ends: Callable[[bytes, str], object], text: str) -> None:
    ends(text.encode(), ".csv")


@SETTINGS
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["1", "2.5", "", "NA", "x", "1,5", "$3", "2020-01-01", "true"]),
                  st.sampled_from(["1", "2", "3", ""])),
        min_size=1, max_size=40,
    )
)  # fmt: skip
def test_any_cells(ends: Callable[[bytes, str], object], rows: list[tuple[str, str]]) -> None:
    lines = [f'"{cell}",{label}' for cell, label in rows]
    ends("\n".join(["a,y", *lines]).encode(), ".csv")


@SETTINGS
@example(keep=1.0, flip=3452).via("a column's name is no UTF-8")
@given(keep=st.floats(0, 1), flip=st.integers(0, 10**6))
@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_any_damage(
    ends: Callable[[bytes, str], object], tmp_path: Path, suffix: str, keep: float, flip: int
) -> None:
    path = tmp_path / f"whole{suffix}"
    if not path.exists():
        write = (
            pyarrow.parquet.write_table if suffix == ".parquet" else pyarrow.feather.write_feather
        )
        write(TABLE, path)
    content = bytearray(path.read_bytes())
    content[flip % len(content)] ^= 255
    ends(bytes(content[: int(len(content) * keep)]), suffix)
