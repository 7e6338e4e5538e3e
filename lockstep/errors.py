"""The exceptions that Lockstep raises, each with the exit code of the process."""


class LockstepError(Exception):
    """A failure explained in one line: what was received, what was expected, how to fix it."""

    exit_code = 1


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
