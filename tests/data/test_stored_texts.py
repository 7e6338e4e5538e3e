"""Texts lie on the disk while a data set is read, and give the same ids as texts in memory."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from lockstep.data.readers.stored_texts import write_texts
from lockstep.data.readers.typed_columns import read_columns
from lockstep.data.text import store_texts
from tests.data.test_text import TEXTS, options
from tests.support.workspaces import with_values


def test_texts_are_taken_by_indices_masks_and_slices(tmp_path: Path) -> None:
    texts = write_texts(TEXTS, tmp_path)
    assert (list(texts), texts.shape) == (TEXTS, (len(TEXTS),))
    assert list(texts[np.array([4, 0])]) == [TEXTS[4], TEXTS[0]]
    assert list(texts[np.array([text == "" for text in TEXTS])][:1]) == [""]
    assert list(write_texts([], tmp_path)) == []


def test_two_columns_of_one_folder_lie_in_files_of_their_own(tmp_path: Path) -> None:
    first, second = write_texts(["a", "b"], tmp_path), write_texts(["c"], tmp_path)
    assert (list(first), list(second)) == (["a", "b"], ["c"])


def test_no_file_is_written_over_where_another_has_gone(tmp_path: Path) -> None:
    there = [tmp_path / "one", tmp_path / "two"]  # as many files as texts take
    for file in there:
        file.touch()
    first = write_texts(["a", "b"], tmp_path)
    for file in there:
        file.unlink()
    others = [write_texts(["c"], tmp_path) for _ in range(3)]
    assert list(first) == ["a", "b"]
    assert [list(each) for each in others] == [["c"]] * 3


def test_stored_texts_give_the_same_ids_in_any_number_of_processes(tmp_path: Path) -> None:
    many = TEXTS * 100
    wanted = store_texts({"train": np.array(many, object)}, options(8, 5))[1]["train"]
    for processes in (1, 2):
        raw = {"train": write_texts(many, tmp_path)}
        found = store_texts(raw, options(8, 5), processes, tmp_path)[1]["train"]
        assert isinstance(found, np.memmap)
        np.testing.assert_array_equal(found, wanted)


def test_a_column_of_texts_is_not_in_memory_when_it_was_read(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(
        "note,y\n" + "".join(f"{n} {'long ' * 100},{n / 7}\n" for n in range(5000))
    )
    before = pa.total_allocated_bytes()
    table = read_columns(tmp_path / "mine.csv", with_values({}).data, None, tmp_path)
    assert pa.total_allocated_bytes() - before < 100_000
    assert table["note"][4999].as_py().startswith("4999 long")
