"""Run the tests of all faults, and write their table into docs/reliability.md.

python -m tests.faults.report [--share N] [--results FILE ...]

With a share N, every Nth fault, from a place that the commit decides, and no page is written. With
results, which pytest has written by --junitxml, the page is written from them, the last of each
test, and nothing is run.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.faults.matrix import FAULTS, Fault
from tests.support.workspaces import REPOSITORY, git

PAGE = REPOSITORY / "docs" / "reliability.md"
BEGIN, END = "<!-- faults -->", "<!-- /faults -->"
PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"


def main() -> int:
    """Run the tests, print the table, write the page; return pytest's exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=1, help="run every Nth fault only")
    parser.add_argument("--results", type=Path, nargs="+", help="of tests that have run")
    options = parser.parse_args()
    if options.results:
        write("\n".join(rows(FAULTS, outcomes_in(options.results))))
        return 0
    share = options.share
    place = int(git(REPOSITORY, "rev-parse", "HEAD")[:8], 16) % share
    faults = FAULTS[place::share]
    status, outcomes = run(faults)
    table = "\n".join(rows(faults, outcomes))
    print(table)
    if share == 1:
        write(table)
    return status


def run(faults: Sequence[Fault]) -> tuple[int, dict[str, list[str]]]:
    """Run the tests of faults, each once; return the outcomes by `file::function`."""
    tests = sorted({test for fault in faults for test in fault.tests})
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.xml")
        command = ["pytest", "-n", "2", "--dist", "loadfile", f"--junitxml={results}"]
        status = subprocess.run([sys.executable, "-m", *command, *tests], cwd=REPOSITORY).returncode
        return status, outcomes_in([results])


def rows(faults: Sequence[Fault], outcomes: dict[str, list[str]]) -> list[str]:
    """Return the lines of the table."""
    lines = ["| | fault | outcome | tests |", "|---|---|---|---|"]
    for each in faults:
        tests = ", ".join(f"`{test.removeprefix('tests/')}`" for test in each.tests)
        outcome = f"not applicable: {each.not_applicable}" if each.not_applicable else ""
        outcome = outcome or _outcome(each, outcomes)
        lines.append(f"| {each.number} | {each.name} | {outcome} | {tests} |")
    return lines


def write(table: str) -> None:
    """Replace the page's table."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _outcome(fault: Fault, outcomes: dict[str, list[str]]) -> str:
    found = [
        outcome
        for test in fault.tests
        for name, each in outcomes.items()
        if _is_of(name, test)
        for outcome in each
    ]
    if FAILED in found:
        return FAILED
    ran = {name for test in fault.tests for name in outcomes if _is_of(name, test)}
    missing = [test for test in fault.tests if not any(_is_of(name, test) for name in ran)]
    passed = f"{PASSED} ({found.count(PASSED)})" if PASSED in found else NOT_RUN
    return f"{passed}, {len(missing)} not run" if missing and PASSED in found else passed


def _is_of(name: str, test: str) -> bool:
    """Whether `file::function` is a test, or in a file that is one."""
    return name == test or name.startswith(f"{test}::")


def outcomes_in(files: Sequence[Path]) -> dict[str, list[str]]:
    """Return the outcomes of tests in pytest's XML, by `file::function`, the last of each."""
    last: dict[tuple[str, str], str] = {}
    for each in files:
        for case in ElementTree.parse(each).iter("testcase"):  # noqa: S314  # written by pytest
            file = f"{case.get('classname', '').replace('.', '/')}.py"
            last[file, case.get("name", "")] = _outcome_of(case)
    found: dict[str, list[str]] = defaultdict(list)
    for (file, name), outcome in last.items():
        found[f"{file}::{name.partition('[')[0]}"].append(outcome)
    return found


def _outcome_of(case: ElementTree.Element) -> str:
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return FAILED
    return NOT_RUN if "skipped" in kinds else PASSED


if __name__ == "__main__":
    sys.exit(main())
