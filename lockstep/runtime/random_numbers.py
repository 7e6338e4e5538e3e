"""Python's hidden generator of random numbers, for the thread of a stage alone.

Keras draws the seeds of initializers and dropout from it. So do other threads of the process, such
as Prefect's for the pauses between its requests: each of their draws would change the results.
"""

import random
import threading
from typing import Any

# MirroredStrategy traces a replica in a thread of its own, while the stage's thread waits.
REPLICA_THREAD = "_MirroredReplicaThread"


class OfOneThread(random.Random):
    """Random numbers of which the owner, a thread, has other ones than all other threads."""

    def __init__(self) -> None:
        self.owner = threading.current_thread()
        self._mine, self._others = random.Random(), random.Random()  # noqa: S311
        super().__init__()

    def _of_caller(self) -> random.Random:
        thread = threading.current_thread()
        is_mine = thread is self.owner or type(thread).__name__ == REPLICA_THREAD
        return self._mine if is_mine else self._others

    # All other methods of Random are made from these.
    def random(self) -> float:
        """Return a float in [0, 1)."""
        return self._of_caller().random()

    def getrandbits(self, k: int, /) -> int:
        """Return an integer of k random bits."""
        return self._of_caller().getrandbits(k)

    def seed(self, *arguments: Any, **options: Any) -> None:
        """Seed the caller's numbers."""
        self._of_caller().seed(*arguments, **options)

    def getstate(self) -> tuple[Any, ...]:
        """Return the state of the caller's numbers."""
        return self._of_caller().getstate()

    def setstate(self, state: tuple[Any, ...]) -> None:
        """Set the state of the caller's numbers."""
        self._of_caller().setstate(state)

    @property
    def gauss_next(self) -> float | None:
        """The second of two numbers that `gauss` has drawn at once."""
        found: float | None = self._of_caller().gauss_next  # type: ignore[attr-defined]
        return found

    @gauss_next.setter
    def gauss_next(self, value: float | None) -> None:
        self._of_caller().gauss_next = value  # type: ignore[attr-defined]


def keep_for_this_thread() -> None:
    """Give all other threads random numbers of their own, from now on.

    The functions of Python's module `random` draw from the thread's own generator then. What other
    modules have imported of them before belongs to the other threads.
    """
    hidden = random.random.__self__  # type: ignore[attr-defined]
    if isinstance(hidden, OfOneThread):
        hidden.owner = threading.current_thread()
        return
    own = OfOneThread()
    for name, function in vars(random).copy().items():
        if getattr(function, "__self__", None) is hidden:
            setattr(random, name, getattr(own, name))


def seed(number: int) -> None:
    """Seed Python's and NumPy's hidden generators, which the project's own files may draw from."""
    import numpy as np

    random.seed(number)
    np.random.seed(number)
