"""What DVC couldn't write to its cache, and only logs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dvc.exceptions import CacheLinkError, ReproductionError

from lockstep.errors import MachineError, one_line
from lockstep.process.machine_errors import machine_error
from lockstep.storage import atomic_files, disk, layout
from lockstep.versioning.repository import cache_of

SPARE_BYTES = 2**16  # with fewer a disk is too full for a file with some bytes
COPIES = logging.getLogger("dvc_data.hashfile.transfer")


@contextmanager
def required(root: Path) -> Iterator[None]:
    """Raise MachineError if DVC can't copy an output to its cache in the block.

    Otherwise the stage would count as done with `cache.type copy`, and end with the advice to check
    the cache with others. What DVC has recorded in dvc.lock is taken back.
    """
    failed: list[BaseException] = []
    lock = root / layout.LOCK
    before = lock.read_text(encoding="utf-8") if lock.exists() else None

    def note(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        failed.extend([error] if error else [])
        return not error

    COPIES.addFilter(note)
    try:
        yield
    except ReproductionError as error:
        if not failed:
            _refuse_full_disk(root, error)
            raise
    finally:
        COPIES.removeFilter(note)
    if failed:
        _put_back(lock, before)
        raise _explained(failed[0], cache_of(root)) from None


def _explained(error: BaseException, cache: Path) -> MachineError:
    reason = one_line(f"{type(error).__name__}: {error}")
    other = MachineError(f"{cache}: DVC can't copy an output to its cache: {reason}")
    return machine_error(error, cache) or other


def _refuse_full_disk(root: Path, error: ReproductionError) -> None:
    """Raise MachineError if DVC found no link that works because there is no room for one."""
    if isinstance(error.__cause__, CacheLinkError):
        disk.require_space(cache_of(root), SPARE_BYTES)


def _put_back(lock: Path, before: str | None) -> None:
    if before is None:
        lock.unlink(missing_ok=True)
    elif lock.read_text(encoding="utf-8") != before:
        atomic_files.write_text(lock, before)
