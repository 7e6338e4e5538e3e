"""Download one file from the first address that has it, with retries."""

from collections.abc import Callable
from pathlib import Path

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from lockstep.data.fetch.attempt import Expected, attempt
from lockstep.data.fetch.failures import BusyError, IncompleteError, SlowError
from lockstep.data.fetch.part import Part
from lockstep.errors import DataError, LockstepError, UnavailableError

ATTEMPTS = 4
LONGEST_WAIT = 60  # seconds, whatever a server asks for


def fetch_file(
    addresses: tuple[str, ...],
    name: str,
    path: Path,
    size: int | None,
    digest: str | None,
    on_bytes: Callable[[int], object] = lambda count: None,
) -> None:
    """Download `name` to `path`, and check its size and its md5 or sha256, in hex.

    If `path` is there with the expected content, nothing is downloaded. None accepts any digest,
    and any size up to attempt.MAX_BYTES. An interrupted download goes on where the server offers
    it, in this call or a later one, from the file `path` with the suffix .part; a whole file with
    another digest is kept with the suffix .bad. Calls `on_bytes` with the length of each chunk, and
    with minus the total of a failed attempt. Raises DataError if an address has other content,
    UnavailableError if none can be reached.
    """
    expected, problems = Expected(size, digest), []
    if path.is_file() and expected.fits(path):
        Part(path, "").remove()  # of a process that was killed in finish
        return
    for address in addresses:
        part = Part(path, address + name)
        try:
            _retrying()(attempt, part, expected, on_bytes)
        except LockstepError as error:
            if not (_is_temporary(error) and part.progress()[0]):
                part.remove()
            problems.append(error)
        else:
            part.finish()
            return
    wrong = [problem for problem in problems if isinstance(problem, DataError)]
    raise (wrong or problems)[0]


def _is_temporary(error: BaseException) -> bool:
    return isinstance(error, UnavailableError | IncompleteError)


def _retrying() -> Retrying:
    backoff = wait_exponential_jitter(multiplier=0.5, max=20, jitter=0.5)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        retry_after = error.seconds if isinstance(error, BusyError) else 0
        return max(backoff(state), min(retry_after, LONGEST_WAIT))

    retry = retry_if_exception(
        lambda error: _is_temporary(error) and not isinstance(error, SlowError)
    )
    return Retrying(retry=retry, stop=stop_after_attempt(ATTEMPTS), wait=wait, reraise=True)
