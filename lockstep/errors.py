"""What can go wrong, each with the exit code that tells a person or a scheduler what to do."""


class LockstepError(Exception):
    """A failure that one line explains: what was received, expected, and how to mend it."""

    exit_code = 1


class ParamsError(LockstepError):
    """Bad parameters: the same command fails again until params.yaml changes."""

    exit_code = 2


class DataError(LockstepError):
    """Bad data: a wrong hash, a label out of range, a missing file."""

    exit_code = 3


class MachineError(LockstepError):
    """A machine that can't do this: no such device, disk full, port taken."""

    exit_code = 4


class UnavailableError(LockstepError):
    """Something that may be back in a while, such as a server: worth a retry."""

    exit_code = 75


class DivergedError(LockstepError):
    """Training whose loss stopped being finite."""

    exit_code = 1
