"""The commands of other processes, as a person knows them."""

from pathlib import Path


def words_of(pid: int) -> list[str]:
    """Return a process's program and arguments; none if it has ended, or another user's."""
    try:
        content = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return content.decode(errors="replace").rstrip("\0").split("\0")


def command_of(pid: int) -> str:
    """Return a process's command without its interpreter, or an empty string if it has ended."""
    words = words_of(pid)
    script = [word for word in words[1:] if not word.startswith("-")]
    return " ".join(script or words).strip()


def described(pid: int, command: str) -> str:
    """Return `command (process 123)`, with the program's name instead of its path."""
    program, *rest = command.split(" ")
    name = "lockstep" if program.endswith("pipelines/cli/__main__.py") else Path(program).name
    return f"`{' '.join([name, *rest])}` (process {pid})"


def is_stopped(pid: int) -> bool:
    """Return whether a process waits for SIGCONT, as after Ctrl+Z."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
    except OSError:
        return False
