"""Model files that would run code, or read and write other files, if they were loaded carelessly.

Each would leave the file `marker`, or has what only a hostile file has.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Write = Callable[[Path, Path], None]


def plain(path: Path) -> None:
    """A good model of images (8, 8), with Keras's own layers."""
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(10, "softmax", name="dense")]
    keras.Sequential([keras.Input((8, 8)), *layers]).save(path)


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the config of a .keras file."""
    rewritten(path, "config.json", lambda text: _changed_json(text, change))


def _changed_json(text: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    config = json.loads(text)
    change(config)
    return json.dumps(config).encode()


def rewritten(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change one member of a .keras file."""
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    members[name] = change(members.get(name, b""))
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in members.items():
            archive.writestr(each, content)


def with_layer(layer: dict[str, Any]) -> Write:
    """A model whose first layer after the input is another one."""

    def write(path: Path, marker: Path) -> None:
        plain(path)
        text = json.dumps(layer).replace("MARKER", str(marker))
        changed(path, lambda config: config["config"]["layers"].__setitem__(1, json.loads(text)))

    return write


def of_module(module: str, name: str, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def lambda_layer(path: Path, marker: Path) -> None:
    import keras

    touch = keras.layers.Lambda(lambda x, at=str(marker): (Path(at).touch(), x)[1])
    keras.Sequential([keras.Input((8, 8)), touch, keras.layers.Flatten()]).save(path)


def renamed_layer(path: Path, marker: Path) -> None:
    plain(path)
    layer = {"name": "../../x"}
    changed(path, lambda config: config["config"]["layers"][1]["config"].update(layer))


def extra_member(path: Path, marker: Path) -> None:
    plain(path)
    rewritten(path, "assets/../../marker", lambda _: b"x")


def unpacked_hugely(path: Path, marker: Path) -> None:
    plain(path)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("assets/zeros", "w", force_zip64=True) as file,
    ):
        for _ in range(300):
            file.write(bytes(2**20))


def with_weights(change: Callable[[h5py.File, Path], None]) -> Write:
    """A model whose file of weights is changed."""

    def write(path: Path, marker: Path) -> None:
        plain(path)
        rewritten(path, "model.weights.h5", lambda content: _changed_h5(content, change, marker))

    return write


def _changed_h5(content: bytes, change: Callable[[h5py.File, Path], None], marker: Path) -> bytes:
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        change(file, marker)
    return stream.getvalue()


def external_link(file: h5py.File, marker: Path) -> None:
    file["other"] = h5py.ExternalLink(str(marker.with_name("other.h5")), "/secret")


def soft_link(file: h5py.File, marker: Path) -> None:
    file["other"] = h5py.SoftLink("/layers")


def external_data(file: h5py.File, marker: Path) -> None:
    file.create_dataset("other", (9,), "u1", external=[("/etc/passwd", 0, 9)])


def virtual(file: h5py.File, marker: Path) -> None:
    layout = h5py.VirtualLayout((9,), "f4")
    layout[:] = h5py.VirtualSource(str(marker.with_name("other.h5")), "secret", (9,))
    file.create_virtual_dataset("other", layout)


def shape_bomb(file: h5py.File, marker: Path) -> None:
    file.create_dataset("other", (2**20, 2**20), "f4", chunks=(2**10, 2**10), compression="gzip")


def objects(file: h5py.File, marker: Path) -> None:
    file["other"] = np.array(["text"], object)


def cycle(file: h5py.File, marker: Path) -> None:
    file["layers/again"] = file["/"]  # a hard link to the group above: good, but never ending


H5 = {
    "external-link": external_link, "soft-link": soft_link, "external-data": external_data,
    "virtual": virtual, "shape-bomb": shape_bomb, "objects": objects,
}  # fmt: skip
ARCHIVES: dict[str, tuple[Write, str]] = {
    "lambda": (lambda_layer, "has a Lambda, which may run any code"),
    "tfsm": (
        with_layer(of_module("keras.layers", "TFSMLayer", filepath="MARKER")), "has a TFSMLayer",
    ),
    "os-system": (
        with_layer(of_module("os", "system", command="touch MARKER")), "names os.system, expected",
    ),
    "builtins": (with_layer(of_module("builtins", "exec", source="x")), "names builtins.exec"),
    "unsafe": (
        with_layer(of_module("keras.config", "enable_unsafe_deserialization")),
        "names keras.config.enable",
    ),
    "get-file": (
        with_layer(of_module("keras.utils", "get_file", fname="x", origin="file:///etc/passwd")),
        "names keras.utils.get_file",
    ),
    "vocabulary": (
        with_layer(of_module("keras.layers", "StringLookup", vocabulary="/etc/passwd")),
        "takes words from the file '/etc/passwd'",
    ),
    "layer-name": (renamed_layer, "has a layer '../../x', expected a name that is no path"),
    "member": (extra_member, "has a member 'assets/../../marker'"),
    "zip-bomb": (unpacked_hugely, "bytes that unpack to"),
    **{
        f"h5-{name}": (with_weights(change), "expected arrays|times as many")
        for name, change in H5.items()
    },
}  # fmt: skip


def weights_file(folder: Path, name: str) -> Path:
    """A .weights.h5 with one of the changes of H5."""
    path = folder / "x.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((3, 4), np.float32)
        H5[name](file, folder / "marker")
    return path


def secret(folder: Path) -> None:
    """The file that links of the others lead to."""
    with h5py.File(folder / "other.h5", "w") as file:
        file["secret"] = np.ones(9, np.float32)


def copy_spec(root: Path, path: Path) -> None:
    shutil.copy(root / "data" / "ready" / "spec.json", f"{path}.spec.json")
