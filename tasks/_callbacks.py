"""The callbacks that the parameters ask for, with what they write kept beside the experiment."""

from pathlib import Path
from typing import Any

import keras

from params import Named, Params
from tasks import _parts

# The argument that says where each writes, and where to by default.
WRITES = {
    "CSVLogger": ("filename", "log.csv"),
    "ModelCheckpoint": ("filepath", "{epoch:02d}.keras"),
}


def asked(params: Params, files: Path, logs: Path) -> list[keras.callbacks.Callback]:
    """Return them in their order; TensorBoard writes to `logs`, relative paths are in `files`.

    TensorBoard is there even if nobody asked.
    """
    found = [_make(each, params.train.own, files, logs) for each in params.train.callbacks]
    if not any(isinstance(each, keras.callbacks.TensorBoard) for each in found):
        found.append(keras.callbacks.TensorBoard(str(logs), write_graph=False))
    return found


def _make(named: Named, own: str, files: Path, logs: Path) -> keras.callbacks.Callback:
    defaults: dict[str, Any] = {}
    if named.name == "TensorBoard":
        defaults = {"log_dir": str(logs)}
    elif named.name in WRITES:
        argument, default = WRITES[named.name]
        path = files / str(named.arguments.get(argument, default))
        path.parent.mkdir(parents=True, exist_ok=True)
        named = named.model_copy(update={argument: str(path)})
    return _parts.make(keras.callbacks, named, "callbacks", own, defaults)
