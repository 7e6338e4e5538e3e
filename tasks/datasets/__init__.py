"""One file for each data set.

A data set's file has:

- `FOLDER`: its folder in a mirror, or None if it comes with an installed package;
- `ADDRESSES`: the publisher's addresses, each ending in a slash, tried in order;
- `FILES`: name to (bytes, sha256) of each file there, none if `read` makes the examples itself;
- `TASK`: "classification" or "regression"; `CLASSES`: the classes' names, in label order;
- `read(folder)`: the splits "train" and "test", each as (x, y) arrays, or
  (x, y, weights) if some examples count more than others in the loss.

x is numbers, images (n, height, width(, channels)) or rows (n, columns), or texts (n,). For several
inputs or targets x, y, `TASK` and `CLASSES` are dicts by their names.

The kinds of one's own data, folder, csv and npz, have `bring(source, raw)` instead of addresses
and files, and their `read(folder, size)` may return a table: an array with a field for each column.
"""

import importlib
from types import ModuleType


def find(name: str) -> ModuleType:
    """Return the data set in the file of that name."""
    return importlib.import_module(f"{__name__}.{name}")
