"""Parquet, Feather and JSON Lines files are read in batches: as if they were read as a whole."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from lockstep.data.readers import cell_files, table_batches
from lockstep.data.readers.table_batches import names_and_rows, read_mapped
from lockstep.data.readers.table_files import read_table
from lockstep.errors import DataError
from tests.support.workspaces import with_values

COUNT = 300
TABLE = pa.table(
    {
        "number": [n / 7 if n % 5 else None for n in range(COUNT)],
        "whole": range(COUNT),
        "colour": [("red", "green", None)[n // 40 % 3] for n in range(COUNT)],
        "name": [f"name {n}" for n in range(COUNT)],
        "day": pa.array(range(COUNT), pa.int32()).cast(pa.date32()),
    }
)
DATA = with_values({}).data


def write_json(table: pa.Table, path: Path) -> None:
    lines = (json.dumps(row, default=str) + "\n" for row in table.to_pylist())
    path.write_text("".join(lines))


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    ".parquet": lambda table, path: pyarrow.parquet.write_table(table, path, row_group_size=70),
    ".feather": lambda table, path: pyarrow.feather.write_feather(table, path, chunksize=70),
    ".arrow": lambda table, path: pyarrow.feather.write_feather(table, path, version=1),
    ".jsonl": write_json,
}


@pytest.mark.filterwarnings("ignore:Feather V1:DeprecationWarning")
@pytest.mark.parametrize("suffix", WRITERS)
def test_batches_are_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(table_batches, "ROWS", 32)
    monkeypatch.setattr(table_batches, "BLOCK", 5000)
    path = tmp_path / f"mine{suffix}"
    WRITERS[suffix](TABLE, path)
    found = read_mapped(path, DATA, tmp_path)
    assert found.to_pylist() == read_table(path, DATA).to_pylist()
    assert found["number"].num_chunks > 2 or suffix == ".arrow"
    assert pa.types.is_dictionary(found["colour"].type)
    assert names_and_rows(path) == (TABLE.column_names, COUNT)


@pytest.mark.parametrize(
    ("first", "last"),
    [("1", "1.5"), ('"2024-01-01"', '"x"'), ("null", "true"), ("null", '"a"'), ("1.5", "null")],
)
def test_lines_whose_type_shows_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, last: str
) -> None:
    monkeypatch.setattr(table_batches, "BLOCK", 100)
    path = tmp_path / "mine.jsonl"
    path.write_text(f'{{"a": {first}}}\n' * 40 + f'{{"a": {last}, "b": 1}}\n')
    found, whole = read_mapped(path, DATA, tmp_path), read_table(path, DATA)
    assert found.to_pylist() == whole.to_pylist()
    assert found["b"].type == whole["b"].type


def test_lines_of_two_types_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_batches, "BLOCK", 100)
    path = tmp_path / "mine.jsonl"
    path.write_text('{"a": 1}\n' * 48 + '{"a": "x"}\n')
    with pytest.raises(DataError, match="a column has both int64 and string"):
        read_mapped(path, DATA, tmp_path)


def test_texts_that_turn_out_to_be_many_are_kept_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_files, "KEPT", 100)
    texts = [*(["red", None, "green"] * 400), *(f"name {n}" for n in range(100))]
    file = cell_files.CellFile(tmp_path / "mine.cells")
    for at in range(0, len(texts), 130):
        file.add(pa.array(texts[at : at + 130]))
    assert file.array().type == pa.string()
    assert file.array().to_pylist() == texts
