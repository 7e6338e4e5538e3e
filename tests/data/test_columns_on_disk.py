"""A CSV is read in batches, numbers into files: the same result for batches of any size."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lockstep.data.readers import delimited_files
from lockstep.data.readers.cell_files import CLEAN
from lockstep.data.readers.typed_columns import number_columns, read_columns
from lockstep.data.spec import load_examples
from lockstep.errors import DataError
from tasks import download
from tests.data.test_user_files import normalized
from tests.support.workspaces import change_params, with_values

COUNT = 300
# Cells that are numbers at first; what they are in the end decides.
CELLS: dict[str, Callable[[int], object]] = {
    "number": lambda n: n / 7,
    "whole": lambda n: n * 3,
    "late text": lambda n: n if n < COUNT - 1 else "high",
    "late gap": lambda n: n / 3 if n < COUNT - 1 else "",
    "late blank": lambda n: n / 3 if n < COUNT - 1 else " 1.5",
    "late codes": lambda n: n if n < COUNT // 2 else n % 3,
    "first gap": lambda n: n * 2 if n > 30 else "NA",
    "no cells": lambda n: "?",
    "code": lambda n: f"{n % 20:03}",
    "day": lambda n: f"2024-01-{n % 28 + 1:02}",
    "y": lambda n: n / 9,
}
KINDS = {"late text": "category", "code": "category"}


def write(path: Path) -> Path:
    rows = (",".join(str(cell(n)) for cell in CELLS.values()) for n in range(COUNT))
    path.write_text("\n".join([",".join(CELLS), *rows]) + "\n")
    return path


@pytest.mark.parametrize("block", [200, 3000])
def test_batches_of_any_size_give_the_same_bits(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    path, found = write(tmp_path / "mine.csv"), []
    change_params(workspace, {"normalize.missing": "median"})
    for size in (2**22, block):
        monkeypatch.setattr(delimited_files, "BLOCK", size)
        spec = normalized(workspace, path, columns=KINDS)
        files = sorted((workspace / "data" / "ready").iterdir())
        found.append([(each.name, hashlib.sha256(each.read_bytes()).hexdigest()) for each in files])
    assert found[0] == found[1]
    assert {"spec.json", "train_x.npy"} <= {name for name, _ in found[0]}
    assert spec.inputs["x"].columns["code"].categories[1:3] == ["000", "001"]


def test_only_columns_of_numbers_alone_lie_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited_files, "BLOCK", 3000)
    data = with_values({"data.target": "y", "data.columns": KINDS}).data
    table = read_columns(write(tmp_path / "mine.csv"), data, None, tmp_path)
    numbers = ["number", "whole", "late gap", "late blank", "late codes"]
    # "first gap" has no number in the first batch, by which codes are told from amounts.
    assert number_columns(table) == numbers
    for name, cell in CELLS.items():
        clean = [str(cell(n)).strip().strip("NA?") or None for n in range(COUNT)]
        if name in numbers:
            clean = [each and float(each) for each in clean]
        assert table[name].to_pylist() == clean


def test_numbers_that_are_texts_in_train_are_texts_in_test(workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    rows = [f"{n % 20:03}{'a' if n < 20 else ''},{n / 7}" for n in range(COUNT)]
    (folder / "train.csv").write_text("\n".join(["a,y", *rows]) + "\n")
    (folder / "test.csv").write_text("\n".join(["a,y", *rows[20:]]) + "\n")
    spec = normalized(workspace, folder, name="csv", columns={"a": "category"})
    known = spec.inputs["x"].columns["a"].categories
    stored = np.asarray(load_examples(workspace, "test").x)[:, 0]
    assert [known[int(each)] for each in stored[:3]] == ["000", "001", "002"]


def test_a_cell_longer_than_a_batch(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    cells = [*(f"id{n}" for n in range(59)), "x" * 2**23]
    rows = "".join(f"{cell},{n / 3},{n / 7}\n" for n, cell in enumerate(cells))
    path.write_text(f"a,b,y\n{rows}")
    with pytest.raises(DataError, match="row 2: column 'a' is 'id0': 60 of 60 texts are different"):
        normalized(workspace, path)
    spec = normalized(workspace, path, columns={"a": "drop"})
    assert list(spec.inputs["x"].columns) == ["b"]


PEAK = """
import re, sys, threading, time
from pathlib import Path
from lockstep.config.reading import load_params
from tasks import normalize
peak = 0
def watch():
    global peak
    while True:
        status = Path("/proc/self/status").read_text()
        peak = max(peak, int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) * 1024)
        time.sleep(0.01)
threading.Thread(target=watch, daemon=True).start()
normalize.normalize(load_params(Path(sys.argv[1])), Path(sys.argv[1]))
print(peak)
"""


@pytest.mark.system
def test_memory_of_many_columns_of_numbers_grows_slower_than_the_file(
    workspace: Path, tmp_path: Path
) -> None:
    sizes, peaks = [], []
    numbers = np.random.default_rng(0).normal(size=(1000, 24))
    lines = "".join(",".join(map(str, row)) + "\n" for row in numbers)
    for count in (100, 500):
        path = tmp_path / "mine.csv"
        path.write_text(",".join(f"n{n}" for n in range(24)) + "\n" + lines * count)
        changes = {"data.name": "csv", "data.path": str(path)}
        params = change_params(workspace, changes)
        download.download(params, workspace)
        ended = subprocess.run(
            [sys.executable, "-c", PEAK, workspace], cwd=workspace, env={**os.environ},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(int(ended.stdout))
        sizes.append(path.stat().st_size)
    assert peaks[1] - peaks[0] < sizes[1] - sizes[0]


def test_files_of_numbers_are_made_anew(tmp_path: Path) -> None:
    data = with_values({"data.target": "y", "data.columns": KINDS}).data
    path = write(tmp_path / "mine.csv")
    for _ in range(2):
        table = read_columns(path, data, None, tmp_path)
        assert len(table) == COUNT
    assert table.schema.metadata == CLEAN
