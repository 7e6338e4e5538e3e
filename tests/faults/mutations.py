"""Take each protection away, and see its test fail.

python -m tests.faults.mutations [FILE ...]

In a clone a line of the code is replaced, and the test runs, which must fail. The exit code is 1 if
one passes, or can't run. With files, only their protections.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import _measure
from tests.faults.protections import MUTATIONS, Mutation

TESTS_FAILED = 1  # pytest's exit code; that of an error before a test ran is another


def main() -> int:
    """Try all mutations, each in a clone of its own."""
    files, unnoticed = sys.argv[1:], 0
    for each in (mutation for mutation in MUTATIONS if not files or mutation.file in files):
        with tempfile.TemporaryDirectory() as folder:
            ended = tested_without(each, Path(folder, "clone"))
        last = ended.stdout.rstrip().rpartition("\n")[2]
        print(f"{each.holds}: {each.file}: {last}", flush=True)
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
