"""Any spec.json and any snapshot is read, or told in one line."""

import copy
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from lockstep.data.spec import Spec, read_spec_file, write_spec
from lockstep.data.spec.columns import Column
from lockstep.data.spec.inputs import Input
from lockstep.data.spec.targets import Target
from lockstep.errors import DataError
from lockstep.modeling.weight_files import check_weights
from lockstep.modeling.weights import weights_digest
from lockstep.training import snapshots
from tests.support.fuzzing import SETTINGS, ended

JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
        st.sampled_from([-1, 0, 2**63, "image", "O", "<U9", "../x", 1e308]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)  # fmt: skip
COLUMNS = {"a": Column("number"), "b": Column("category", ["", "x"])}
SPEC = Spec(
    "mine",
    {
        "image": Input("image", [8, 8], "uint8", {"minimum": 0.0}),
        "table": Input("table", [2], "float32", {}, columns=COLUMNS),
        "text": Input("text", [4], "uint16", {}, words=["", "[unknown]", "a"]),
    },
    {"y": Target("classification", ["a", "b"]), "z": Target("regression", [], [3])},
    {"train": 9, "test": 1},
    "unit",
)


def written(folder: Path) -> Any:
    write_spec(SPEC, folder)
    return json.loads((folder / "spec.json").read_text())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(each for key, part in inner for each in places(part, (*path, key)))]


def test_a_good_spec_is_read(folder: Path) -> None:
    written(folder)
    assert read_spec_file(folder / "spec.json") == SPEC


def use(spec: Spec) -> None:
    """What stages and predictions ask of a description."""
    assert spec.input_shape
    assert spec.outputs is None or spec.outputs
    assert spec.activation is None or spec.activation
    for each in spec.inputs.values():
        assert each.cells is not None
        assert each.places is not None


@SETTINGS
@example(number=560, value="image", remove=False).via("a picture for each example, without a shape")
@given(number=st.integers(0, 10**4), value=JSON, remove=st.booleans())
def test_any_change_of_a_spec(folder: Path, number: int, value: Any, remove: bool) -> None:
    values = written(folder)
    every = places(values)
    *path, last = every[1 + number % (len(every) - 1)]
    changed = copy.deepcopy(values)
    inside = changed
    for key in path:
        inside = inside[key]
    if remove:
        del inside[last]
    else:
        inside[last] = value
    (folder / "spec.json").write_text(json.dumps(changed))
    found = ended(lambda: read_spec_file(folder / "spec.json"))
    assert isinstance(found, Spec | DataError)
    if isinstance(found, Spec):
        use(found)


@SETTINGS
@given(
    content=st.one_of(st.binary(max_size=99), JSON.map(lambda value: json.dumps(value).encode()))
)
@example(content=b"[" * 10**5)
@example(content=b'{"inputs": ' + b"9" * 10**4 + b"}")
@example(content=b"\xff")
def test_any_bytes_for_a_spec(folder: Path, content: bytes) -> None:
    (folder / "spec.json").write_bytes(content)
    assert isinstance(ended(lambda: read_spec_file(folder / "spec.json")), DataError)


ARRAYS = {"00000": np.zeros((1, 3), np.float32), "callback-0-x-0": np.ones(2)}
METADATA = {
    "logs": {"loss": 1.0},
    "stop": False,
    "callbacks": [{}],
    "paths": ["a"],
    "phase": [0, 0],
}
FILES = (snapshots.MANIFEST, snapshots.METADATA, snapshots.ARRAYS)


@SETTINGS
@given(
    name=st.sampled_from(FILES),
    content=st.one_of(
        st.none(), st.binary(max_size=99), JSON.map(lambda each: json.dumps(each).encode())
    ),
    keep=st.floats(0, 1),
    flip=st.integers(0, 10**6),
)
def test_any_damage_of_a_snapshot(
    folder: Path, name: str, content: bytes | None, keep: float, flip: int
) -> None:
    """The newer snapshot is damaged: the older one is taken."""
    for epoch in (1, 2):
        snapshots.write_to(folder / f"{epoch:06d}", "key", epoch, METADATA, ARRAYS, {})
    path = folder / "000002" / name
    whole = path.read_bytes()
    damaged = bytearray(whole[: int(len(whole) * keep)]) if content is None else bytearray(content)
    if damaged and content is None:
        damaged[flip % len(damaged)] ^= 255
    path.write_bytes(bytes(damaged))
    found = ended(lambda: snapshots.newest(folder, "key"))
    assert isinstance(found, snapshots.Snapshot)
    assert found.epoch == 1 or bytes(damaged) == whole
    np.testing.assert_array_equal(found.arrays["00000"], ARRAYS["00000"])


@SETTINGS
@given(value=JSON, key=st.sampled_from(["key", "epoch", "sha256"]))
@example(value={"../../../etc/passwd": "0"}, key="sha256")
@example(value={}, key="sha256")
@example(value={"facts.json": 0}, key="sha256")
def test_any_manifest_of_a_snapshot(folder: Path, value: Any, key: str) -> None:
    snapshots.write_to(folder / "000002", "key", 2, METADATA, ARRAYS, {})
    manifest = json.loads((folder / "000002" / snapshots.MANIFEST).read_text())
    (folder / "000002" / snapshots.MANIFEST).write_text(json.dumps({**manifest, key: value}))
    found = ended(lambda: snapshots.newest(folder, "key"))
    assert found is None or isinstance(found, snapshots.Snapshot)


@SETTINGS
@given(
    keep=st.floats(0, 1),
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=8),
)
@example(keep=1.0, flips=[(152, 1)])
@example(keep=1.0, flips=[(161, 1)])
def test_any_damage_of_a_file_of_weights(
    folder: Path, keep: float, flips: list[tuple[int, int]]
) -> None:
    with h5py.File(folder / "whole.h5", "w") as file:
        file["layers/dense/vars/0"] = np.arange(12, dtype=np.float32).reshape(3, 4)
        file["layers/dense/vars/1"] = np.zeros(4, np.float32)
    content = bytearray((folder / "whole.h5").read_bytes())
    for place, bits in flips:
        content[place % len(content)] ^= bits
    (folder / "x.h5").write_bytes(bytes(content[: int(len(content) * max(0.2, keep))]))
    if not isinstance(ended(lambda: check_weights(folder / "x.h5")), DataError):
        ended(lambda: weights_digest(folder / "x.h5"))
