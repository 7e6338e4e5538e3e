"""The name of an experiment, made from its preset and overrides."""

import re
from collections.abc import Iterable
from pathlib import Path

LONGEST = 40


def name_of(labels: Iterable[str], key: str) -> str:
    """Return a short experiment name from preset and overrides, such as cnn-epochs-3-1a2b3c4d."""
    parts = (re.sub(r"[^\w.]+", "-", _short(each)).strip("-.") for each in labels)
    name = "-".join(filter(None, parts)) or "unchanged"
    return f"{re.sub(r'[.]{2,}', '.', name)[:LONGEST].rstrip('-.')}-{key[:8]}"


def _short(word: str) -> str:
    """Return a preset's name unchanged; shorten `key=value` to the last parts of key and path."""
    key, _, value = word.rpartition("=")
    last = key.rpartition(".")[2]
    value = Path(value).stem if "/" in value else value
    return value if last in ("", "name", "path") else f"{last}-{value}"
