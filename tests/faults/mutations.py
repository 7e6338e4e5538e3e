"""Take each protection away, and see the test of its invariant fail.

python -m tests.faults.mutations

In a clone a line of the code is replaced, and the test runs, which must fail. The exit code is 1 if
one passes, or can't run.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks import _measure

TESTS_FAILED = 1  # pytest's exit code; that of an error before a test ran is another


class Mutation(NamedTuple):
    """A protection of an invariant, how it is taken away, and the test that must notice it."""

    invariant: str
    file: str
    protection: str
    without: str
    test: str


MUTATIONS = (
    Mutation(
        "nothing half-written is left",
        "lockstep/storage/atomic_files.py",
        "        part.unlink(missing_ok=True)\n",
        "        pass\n",
        "tests/storage/test_atomic_files.py",
    ),
    Mutation(
        "each output has the hash in dvc.lock",
        "lockstep/versioning/verification.py",
        "    damaged = [each for each in read if each[1] != each[2]]\n",
        "    damaged: list[tuple[Path, str, str]] = []\n",
        "tests/versioning/test_verification.py",
    ),
    Mutation(
        "dvc.lock can be read",
        "lockstep/versioning/lock_file.py",
        "    parse_checkouts_lock(content, kept)\n",
        "",
        "tests/versioning/test_lock_file.py::test_every_stage_names_it",
    ),
    Mutation(
        "MLflow's runs have ended",
        "lockstep/tracking/orphaned_runs.py",
        '        client.set_terminated(run.info.run_id, "KILLED")\n',
        "        pass\n",
        "tests/tracking/test_orphaned_runs.py",
    ),
    Mutation(
        "each metric once for each step",
        "lockstep/tracking/run_metrics.py",
        "time_of(len(sent), run), len(sent))",
        "time_of(0, run), 0)",
        "tests/tracking/test_run_metrics.py",
    ),
    Mutation(
        "no weights have two versions",
        "lockstep/tracking/registry.py",
        "    return found[0] if found else None\n",
        "    return None\n",
        "tests/tasks/test_register_killed.py",
    ),
    Mutation(
        "no process works on",
        "lockstep/process/runner.py",
        "        end_with(runner)\n",
        "        pass\n",
        "tests/process/test_runner.py",
    ),
    Mutation(
        "no lock is left",
        "lockstep/versioning/locks.py",
        "    if is_stale(root):\n        with",
        "    if False:\n        with",
        "tests/versioning/test_locks.py",
    ),
    Mutation(
        "all outputs equal those of an undisturbed run",
        "lockstep/training/resume.py",
        "        self._restore_variables()\n",
        "",
        "tests/training/test_resume.py::"
        "test_a_resumed_training_gives_the_bits_of_an_undisturbed_one",
    ),
    Mutation(
        "a user's error is one line",
        "lockstep/process/exit_codes.py",
        "    except LockstepError as error:\n",
        "    except LockstepError as error:\n        raise\n",
        "tests/pipelines/sweeps/test_refused.py",
    ),
    Mutation(
        "no password is in a file, a database or a log",
        "lockstep/config/addresses.py",
        '    if "@" in mirror.partition("://")[2].partition("/")[0]:\n',
        "    if False:\n",
        "tests/faults/test_secrets.py::test_a_secret_in_an_address_of_an_override",
    ),
)


def main() -> int:
    """Try all mutations, each in a clone of its own."""
    unnoticed = 0
    for each in MUTATIONS:
        with tempfile.TemporaryDirectory() as folder:
            ended = tested_without(each, Path(folder, "clone"))
        last = ended.stdout.rstrip().rpartition("\n")[2]
        print(f"{each.invariant}: {each.file}: {last}", flush=True)
        unnoticed += ended.returncode != TESTS_FAILED
    return unnoticed > 0


def tested_without(mutation: Mutation, root: Path) -> subprocess.CompletedProcess[str]:
    """Run the test in a clone that lacks the protection."""
    _measure.clone(root)
    file = root / mutation.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutation.protection) == 1, mutation
    file.write_text(text.replace(mutation.protection, mutation.without), encoding="utf-8")
    temporary = f"--basetemp={root.with_name('pytest')}"
    command = [sys.executable, "-m", "pytest", "-q", "-x", temporary, mutation.test]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
