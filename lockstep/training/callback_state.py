"""What a callback remembers: the attributes that change as training goes."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

# What Keras gives each callback, and what belongs to one process: Keras turns the sign of
# `min_delta` at the first epoch's end in each.
NOT_STATE = {"model", "_model", "params", "validation_data", "append", "min_delta"}


def of(callback: keras.callbacks.Callback) -> dict[str, str]:
    """Return each attribute that can be kept, as text to compare with later."""
    return {name: _text(value) for name, value in _attributes(callback)}


def changed(
    callback: keras.callbacks.Callback, fresh: dict[str, str], number: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what has changed since it was `fresh`: plain values, and arrays by name.

    Only that: what a callback was made with, such as paths, is this checkout's. `number` tells this
    callback's arrays from others'.
    """
    plain: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, value in _attributes(callback):
        if _text(value) == fresh.get(name):
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
    """Give a callback what had changed."""
    for name, kept in state.items():
        value = [arrays[key] for key in kept["arrays"]] if "arrays" in kept else kept["value"]
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
