"""The file in which a sweep keeps its trials: a killed one goes on from it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lockstep.errors import UnavailableError
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"


@dataclass(frozen=True)
class Trial:
    """A trial that has ended, or a new one without a state.

    `values` are those of the search space, `history` those of the objective by epoch, `value` the
    objective of the weights that are evaluated.
    """

    number: int
    values: Mapping[str, str]
    overrides: tuple[str, ...]  # of the command that runs it alone
    state: str = ""
    value: float | None = None
    history: Mapping[int, float] = field(default_factory=dict)
    reason: str = ""  # of a failure
    experiment: str = ""  # the DVC experiment, of a complete one
    key: str = ""  # of its MLflow run
    test: Mapping[str, float | None] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)  # of its stages, and of the whole


class Record:
    """The trials of one sweep that have ended, written whenever one ends."""

    def __init__(self, root: Path, key: str, name: str) -> None:
        self.key, self.name = key, f"{name}-{key[:8]}"
        self.path = folder_of(root) / f"{self.name}.json"
        self.described: dict[str, Any] = {}
        self._trials: dict[int, Trial] = {}
        if self.path.exists():
            self._trials = {each.number: each for each in trials_in(read(self.path))}

    def __getitem__(self, number: int) -> Trial | None:
        return self._trials.get(number)

    def add(self, trial: Trial) -> None:
        """Keep a trial that has ended."""
        self._trials[trial.number] = trial
        self.write()

    def write(self) -> None:
        """Write the file."""
        atomic_files.write_json(
            self.path,
            {
                "name": self.name,
                "key": self.key,
                **self.described,
                "trials": [asdict(each) for each in self.first(None)],
            },
        )

    def first(self, count: int | None) -> list[Trial]:
        """Return the trials with numbers below `count` that have ended, in their order."""
        known = sorted(self._trials)
        return [self._trials[each] for each in known if count is None or each < count]


def folder_of(root: Path) -> Path:
    """Return the folder of all sweeps' records."""
    return main_checkout(root) / layout.SWEEPS


def names(root: Path) -> set[str]:
    """Return the names of this checkout's sweeps."""
    return {each.stem for each in folder_of(root).glob("*.json")}


def read(path: Path) -> dict[str, Any]:
    """Return a sweep's record."""
    found: dict[str, Any] = atomic_files.read_json(path)
    return found


def trials_in(found: Mapping[str, Any]) -> list[Trial]:
    """Return the trials of a record."""
    return [_trial(each) for each in found["trials"]]


def _trial(entry: dict[str, Any]) -> Trial:
    history = {int(epoch): value for epoch, value in entry["history"].items()}
    return Trial(**{**entry, "overrides": tuple(entry["overrides"]), "history": history})


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of a record; raises UnavailableError if the same sweep is running."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UnavailableError(
            f"{path.stem}: another process runs this sweep; wait for it, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()
