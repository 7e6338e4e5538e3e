"""The stage that reads and checks raw files, and writes arrays and spec.json to data/ready."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lockstep.config.schema import Data, Params
from lockstep.data import checks
from lockstep.data.card.findings import Findings, without_folders
from lockstep.data.card.writing import write_card
from lockstep.data.duplicates import count_duplicates
from lockstep.data.fetch import kept
from lockstep.data.readers.raw_data import RawData
from lockstep.data.readers.user_files import named_by_source
from lockstep.data.row_order import drawing_keys, in_order
from lockstep.data.spec import Examples, Spec, save_examples, write_spec
from lockstep.data.spec.example_error import ExampleError
from lockstep.data.splits import draw_splits
from lockstep.data.storing import store_splits
from lockstep.data.target_statistics import with_statistics
from lockstep.data.targets import input_kinds, resolve_targets
from lockstep.data.windows import cut_windows
from lockstep.errors import DataError
from lockstep.process import console, memory_bound
from lockstep.storage import atomic_files, disk, layout
from tasks import datasets


def normalize(params: Params, root: Path) -> None:
    """Check the raw arrays, hold out a validation split, and store all splits in small dtypes.

    Numbers are stored unscaled, words as token ids; spec.json describes the preprocessing that the
    model applies. The data card in report/ describes the data for a person. Raises DataError.
    """
    kept.remove_recorded(root)
    notes: list[str] = []
    with (
        atomic_files.scratch_folder(root / layout.READY) as scratch,
        memory_bound.within(params.normalize.memory_mb),
        console.forwarding_to(notes.append, lambda share: None),
    ):
        found = _normalize(params, root, scratch)
    lines = without_folders(notes, root / params.data.path)
    write_card(root, replace(found, notes=lines))


def _normalize(params: Params, root: Path, scratch: Path) -> Findings:
    dataset = datasets.find(params.data.name)
    with _examples_named_by_place(dataset, params, root):
        # Without a name for what was read, which holds a table's texts.
        raw = _raw_data(_read(dataset, params, root, scratch), params, scratch)
        if params.data.window:
            raw = in_order(raw, params.data)
    with _examples_named_by_place(dataset, params, root, raw.rows):
        targets, splits = resolve_targets(dataset, params.data, raw.splits)
        for split, examples in splits.items():
            checks.check(split, examples, splits["train"], targets)
    own = hasattr(dataset, "import_files")
    files = _file_format(dataset, raw, params)
    raw = replace(raw, splits={}, rows={})  # of which each row takes memory
    keys = drawing_keys(raw.keys, params.data) if params.data.window else raw.keys
    splits, drawn = draw_splits(splits, targets, params.data, params.seed, own=own, keys=keys)
    kinds = input_kinds(dataset, params.data, splits["train"])
    if not params.data.window:
        drawn = {}
    inputs, splits = store_splits(splits, params.normalize, kinds, scratch)
    if params.data.window:
        inputs, splits = cut_windows(inputs, splits, raw, drawn, params.data, scratch)
    if files is not None:
        inputs = {name: replace(each, files=files) for name, each in inputs.items()}
    duplicates = count_duplicates(splits["train"], splits["test"])
    if own and duplicates:
        size = splits["test"].size
        console.say(f"{duplicates} of {size} test examples are in the training split too")
    targets = with_statistics(targets, splits["train"], params.normalize.target, own=own)
    spec = Spec(
        data=params.data.name,
        inputs=inputs,
        targets=targets,
        splits={split: examples.size for split, examples in splits.items()},
        method=params.normalize.method,
    )
    arrays = [array for examples in splits.values() for array in examples.arrays]
    disk.require_space(root / layout.READY, sum(array.nbytes for array in arrays))
    with atomic_files.whole_folder(root / layout.READY) as ready:
        for split, examples in splits.items():
            save_examples(examples, split, ready, scratch)
        write_spec(spec, ready)
    return Findings(raw.columns, _why(dataset, params.data), duplicates)


def _file_format(dataset: ModuleType, raw: RawData, params: Params) -> dict[str, Any] | None:
    """How files were read, for predictions from files, of a data set of files."""
    if not hasattr(dataset, "file_format"):
        return None
    found: dict[str, Any] = dataset.file_format(raw.splits["train"].x, params)
    return found


def _why(dataset: ModuleType, data: Data) -> str:
    """Why the targets were taken for their kind."""
    if hasattr(dataset, "TARGET_KIND"):
        return f"as tasks/datasets/{data.name}.py declares"
    return "by their values" if data.target_kind == "auto" else "as data.target_kind says"


def _read(dataset: ModuleType, params: Params, root: Path, scratch: Path) -> Any:
    """What the data set's `read` returns; errors name the user's file, not its copy."""
    raw = root / layout.RAW
    if not hasattr(dataset, "import_files"):
        return dataset.read(raw)
    with named_by_source(raw, root / params.data.path):
        return dataset.read(raw, params, scratch)


@contextmanager
def _examples_named_by_place(
    dataset: ModuleType, params: Params, root: Path, rows: Mapping[str, np.ndarray] = {}
) -> Iterator[None]:
    """Make errors name an example by its place in the user's file instead of by its split.

    `rows` has the examples' rows in the file, of splits whose examples aren't all rows in order.
    """
    raw = root / layout.RAW
    try:
        yield
    except ExampleError as error:
        if not hasattr(dataset, "place"):
            raise
        with named_by_source(raw, root / params.data.path):
            number = int(rows[error.split][error.number]) if error.split in rows else error.number
            place = dataset.place(raw, error.split, number, params.data)
            raise DataError(f"{place}: {error.problem}") from None


def _raw_data(read: Any, params: Params, scratch: Path) -> RawData:
    """The examples of what `read` returns: RawData, or for each split a table or arrays."""
    if isinstance(read, RawData) and read.cells:
        from lockstep.data.columns.row_keys import with_keys  # imports pyarrow

        read = with_keys(read, params.data)
    if isinstance(read, RawData):
        splits = {split: _of_arrays(*arrays) for split, arrays in read.splits.items()}
        return replace(read, splits=splits)
    if isinstance(read["train"], tuple):
        return RawData({split: _of_arrays(*arrays) for split, arrays in read.items()})
    from lockstep.data.columns.tables import examples_of  # imports pyarrow

    return examples_of(read, params.data, params.normalize.missing, scratch)


def _of_arrays(x: Any, y: Any = {}, *sample_weight: Any) -> Examples:  # noqa: B006
    """Examples of arrays; without targets only x is given."""
    return Examples(x, y, *sample_weight)
