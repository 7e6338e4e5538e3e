"""The exceptions that Lockstep raises, each with the exit code of the process."""

import re
import unicodedata

LONGEST = 2000
PASSWORD = re.compile(r"(?<=://)[^/\s@]+@")  # and user name, in an address
NOT_SHOWN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # categories of Unicode


def one_line(text: object) -> str:
    """Return a text as one line that is safe to print, at most LONGEST characters long.

    Parts of messages come from servers and files: passwords in addresses are left out, and
    characters that a terminal would act on are escaped.
    """
    line = PASSWORD.sub("", re.sub(r"\s*[\r\n\t\v\f]\s*", " ", str(text).strip()))
    shown = "".join(
        repr(each)[1:-1] if unicodedata.category(each) in NOT_SHOWN else each
        for each in line[: LONGEST + 1]
    )
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 3]}..."


class LockstepError(Exception):
    """A failure explained in one line: what was received, what was expected, how to fix it."""

    exit_code = 1

    def __str__(self) -> str:
        return one_line(super().__str__())


class ParamsError(LockstepError):
    """Invalid parameters: a retry fails again until params.yaml is changed."""

    exit_code = 2


class DataError(LockstepError):
    """Invalid data: a wrong hash, a label out of range, a missing file."""

    exit_code = 3


class MachineError(LockstepError):
    """A problem of this machine: no such device, disk full, port in use."""

    exit_code = 4


class UnavailableError(LockstepError):
    """A resource that is temporarily unavailable, such as a server: a retry may succeed."""

    exit_code = 75


class DivergedError(LockstepError):
    """The training loss became infinite or NaN."""

    exit_code = 1
