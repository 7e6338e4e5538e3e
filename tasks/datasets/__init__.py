"""One file for each data set.

A data set's file has:

- `FOLDER`: its folder in a mirror, or None if it comes with an installed package;
- `ADDRESSES`: the publisher's addresses, each ending in a slash, tried in order;
- `FILES`: name to (bytes, sha256) of each file there;
- `TASK`: "classification" or "regression"; `CLASSES`: the classes' names, in label order;
- `read(folder)`: the splits "train" and "test", each as (x, y) arrays, or
  (x, y, weights) if some examples count more than others in the loss.
"""

import importlib
from types import ModuleType


def find(name: str) -> ModuleType:
    """Return the data set in the file of that name."""
    return importlib.import_module(f"{__name__}.{name}")
