"""The state of a Keras callback: the attributes that change during training."""

import hashlib
import json
from collections.abc import Iterable
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
            keys = [f"callback-{number}-{name}-{index}" for index in range(len(value))]
            arrays |= dict(zip(keys, value, strict=True))
            plain[name] = {"arrays": keys}
        else:
            plain[name] = {"value": value}
    return plain, arrays


def restore(
    callback: keras.callbacks.Callback, state: dict[str, Any], arrays: dict[str, np.ndarray]
) -> None:
    """Set the attributes that `changed` returned."""
    for name, saved in state.items():
        value = [arrays[key] for key in saved["arrays"]] if "arrays" in saved else saved["value"]
        setattr(callback, name, value)


def _attributes(callback: keras.callbacks.Callback) -> Iterable[tuple[str, Any]]:
    for name, value in vars(callback).items():
        plain = value.item() if isinstance(value, np.generic) else value
        if name not in NOT_STATE and (_is_arrays(plain) or _is_json(plain)):
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
    return json.dumps(value)
