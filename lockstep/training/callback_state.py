"""The state of a Keras callback: the attributes that change during training."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

# Attributes that are set again in each process. Among them is `min_delta`, whose sign Keras flips
# at the end of the process's first epoch.
NOT_STATE = {
    "model", "_model", "params", "validation_data", "append", "append_header", "min_delta",
}  # fmt: skip


def of(callback: keras.callbacks.Callback) -> dict[str, str]:
    """Return each attribute that can be saved, as text for comparing with later."""
    return {name: _text(value) for name, value in _attributes(callback)}


def changed(
    callback: keras.callbacks.Callback, initial: dict[str, str], number: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the attributes that differ from the `initial` state: plain values, and arrays by name.

    Unchanged attributes, such as paths, aren't saved: they may differ in another checkout.
    `number`, the callback's index, makes the names of its arrays unique.
    """
    plain: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, value in _attributes(callback):
        if _text(value) == initial.get(name):
            continue
        if _is_arrays(value):
            keys = [f"{_prefix(number)}{name}-{index}" for index in range(len(value))]
            arrays |= dict(zip(keys, value, strict=True))
            plain[name] = {"arrays": keys}
        else:
            plain[name] = _as_json(value)
    return plain, arrays


def restore(
    callback: keras.callbacks.Callback, state: dict[str, Any], arrays: dict[str, np.ndarray]
) -> None:
    """Set the attributes that `changed` returned."""
    for name, saved in state.items():
        if "generator" in saved:
            getattr(callback, name).bit_generator.state = saved["generator"]
        elif "arrays" in saved:
            setattr(callback, name, [arrays[key] for key in saved["arrays"]])
        else:
            setattr(callback, name, dict(saved["items"]) if "items" in saved else saved["value"])


def is_custom(callback: keras.callbacks.Callback) -> bool:
    """Return whether a callback's class is neither of Keras nor of Lockstep."""
    return type(callback).__module__.partition(".")[0] not in ("keras", "lockstep")


def without_arrays(arrays: Mapping[str, np.ndarray], number: int) -> dict[str, np.ndarray]:
    """Return a snapshot's arrays without those of the callback with this index."""
    return {name: each for name, each in arrays.items() if not name.startswith(_prefix(number))}


def _prefix(number: int) -> str:
    return f"callback-{number}-"


def _as_json(value: Any) -> dict[str, Any]:
    """Return what JSON can represent of a value, under a name that says how it is restored."""
    if isinstance(value, np.random.Generator):
        return {"generator": _plain_arrays(value.bit_generator.state)}
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        return {"items": list(value.items())}  # JSON would make texts of the keys
    return {"value": value}


def _plain_arrays(state: Any) -> Any:
    if isinstance(state, Mapping):
        return {name: _plain_arrays(each) for name, each in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state


def _attributes(callback: keras.callbacks.Callback) -> Iterable[tuple[str, Any]]:
    for name, value in vars(callback).items():
        plain = value.item() if isinstance(value, np.generic) else value
        is_generator = isinstance(plain, np.random.Generator)
        if name not in NOT_STATE and (is_generator or _is_arrays(plain) or _is_json(plain)):
            yield name, plain


def _is_arrays(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(
        isinstance(each, np.ndarray) for each in value
    )  # fmt: skip


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, tuple)


def _text(value: Any) -> str:
    if _is_arrays(value):
        return str([hashlib.sha256(each.tobytes()).hexdigest() for each in value])
    return json.dumps(_as_json(value))
