"""Check a .keras file by its archive and its config, without Keras."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lockstep.errors import DataError

MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
ASSETS = "assets/"
MAX_CONFIG, MAX_RATIO, SMALL = 2**26, 100, 2**28  # bytes; and how many times a file may unpack to
# Modules of Keras whose classes a config may name, also below keras.src.
MODULES = (
    "activations", "constraints", "dtype_policies", "initializers", "layers", "models", "ops",
    "quantizers", "random", "regularizers",
)  # fmt: skip
RUN_CODE = {
    "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__", "function",
}  # fmt: skip
OURS = ("models.", "lockstep.")


def check_archive(path: Path) -> None:
    """Raise DataError unless a .keras file has the members and classes of a plain Keras model.

    Classes are Keras's own, none of which runs code of the file's, or those of this project.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            config = json.loads(archive.read("config.json"))
            _check_config(path, config)
    except (OSError, KeyError, ValueError, RecursionError, RuntimeError) as error:
        raise DataError(f"{path}: not a complete Keras model file ({error})") from None
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{path}: not a complete Keras model file ({error})") from None


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    members = {each.filename: each for each in archive.infolist()}
    for name in members:
        if name not in MEMBERS and (not name.startswith(ASSETS) or ".." in name.split("/")):
            raise DataError(f"{path}: has a member {name!r}, expected {', '.join(sorted(MEMBERS))}")
    if len(members) < len(archive.infolist()):
        raise DataError(f"{path}: has two members of one name, expected one of each")
    size, unpacked = path.stat().st_size, sum(each.file_size for each in members.values())
    large = members["config.json"].file_size > MAX_CONFIG
    if large or unpacked > max(SMALL, MAX_RATIO * size):
        raise DataError(f"{path}: {size:,} bytes that unpack to {unpacked:,}, expected fewer")


def _check_config(path: Path, config: Any) -> None:
    if not isinstance(config, dict):
        raise DataError(f"{path}: its config is no object, expected that of a Keras model")
    for each in _objects({key: part for key, part in config.items() if key != "compile_config"}):
        name, module = each.get("class_name"), each.get("module")
        if name in RUN_CODE:
            raise DataError(f"{path}: has a {name}, which may run any code, expected none")
        if name is not None and module is not None and not _is_known(str(module)):
            raise DataError(
                f"{path}: names {module}.{name}, expected classes of Keras or of this project's "
                "models/"
            )
        label = each.get("name")
        if isinstance(label, str) and "/" in label and {"..", ""} & {*label.split("/")}:
            raise DataError(f"{path}: has a layer {label!r}, expected a name that is no path")
        if isinstance(each.get("vocabulary"), str):
            raise DataError(
                f"{path}: takes words from the file {each['vocabulary']!r}, not its own"
            )


def _is_known(module: str) -> bool:
    if module == "keras" or module.startswith(OURS):
        return True
    parts = module.split(".")
    inside = parts[2:] if parts[:2] == ["keras", "src"] else parts[1:]
    return parts[0] == "keras" and bool(inside) and inside[0] in MODULES


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects in a config, at any depth."""
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield value
            pending += value.values()
        elif isinstance(value, list):
            pending += value
