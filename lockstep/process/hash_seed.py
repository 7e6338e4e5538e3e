"""One seed for Python's hashes of texts in all processes that run stages.

The order of a set of texts follows from it. A model's file may make a layer for each of a set:
with another order in each process, weights of one stage would go to other layers in the next.
"""

import os
import sys

NAME, FIXED, RANDOM = "PYTHONHASHSEED", "0", "random"


def fix() -> None:
    """Start this process anew with the same arguments, unless it has the seed already."""
    if not is_fixed():
        os.environ[NAME] = FIXED
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606


def is_fixed() -> bool:
    """Return whether this process was started with the seed.

    One that Prefect starts in a container, or on a worker of others, may have a random one.
    """
    return os.environ.get(NAME) == FIXED
