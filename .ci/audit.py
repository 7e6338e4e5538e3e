"""Compare the lock files with the advisories for Python packages: make audit.

Exceptions are in .ci/audit.toml: the id of an advisory, a reason, and the day on which it ends.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KEYS = {"id": str, "reason": str, "until": date}
COMMAND = [
    sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json",
    "--progress-spinner", "off", "--timeout", "20",
]  # fmt: skip
FOUND, OUT_OF_REACH = 1, 75


def main(root: Path) -> int:
    """Print what is wrong, a line each; returns the exit code."""
    exceptions = tomllib.loads((root / ".ci" / "audit.toml").read_text()).get("exceptions", [])
    problems, unknown, audited = wrong_exceptions(exceptions, date.today()), [], 0
    used: set[str] = set()
    for lock in sorted(root.glob("requirements*.lock")):
        report = audit(lock)
        if isinstance(report, str):
            print(f"audit: the advisories can't be reached, nothing was compared: {report}")
            return OUT_OF_REACH
        known = [each for each in report if "skip_reason" not in each]
        audited += len(known)
        unknown += [f"{lock.name}: {each['skip_reason']}" for each in report if each not in known]
        found, excepted = vulnerable(lock.name, known, {each.get("id") for each in exceptions})
        problems += found
        used |= excepted
    if not audited:
        print("audit: the advisories can't be reached, nothing was compared: no package was found")
        return OUT_OF_REACH
    problems += [f"{each['id']}: an exception that nothing needs, remove it"
                 for each in exceptions if each.get("id") not in used]  # fmt: skip
    for line in problems + unknown:
        print(f"audit: {line}")
    if not (problems or unknown):
        print(f"audit: {audited} packages, {len(exceptions)} exceptions, no other advisory")
    return FOUND if problems or unknown else 0


def wrong_exceptions(exceptions: list[dict[str, Any]], today: date) -> list[str]:
    """Return a line for each exception that has ended, or lacks its reason or its end."""
    lines = []
    for each in exceptions:
        name = each.get("id", "an exception without id")
        if set(each) != set(KEYS) or any(not isinstance(each[key], KEYS[key]) for key in KEYS):
            lines.append(f"{name}: expected id, reason and until, such as 2027-01-31")
        elif not each["reason"].strip():
            lines.append(f"{name}: expected a reason")
        elif each["until"] < today:
            lines.append(f"{name}: the exception ended on {each['until']}: {each['reason']}")
    return lines


def audit(lock: Path) -> list[dict[str, Any]] | str:
    """Return what pip-audit says of each package of a lock file, or why it can't."""
    ended = subprocess.run(
        [*COMMAND, "--requirement", str(lock)],
        env=variables(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found: list[dict[str, Any]] = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError):
        return next(reversed(ended.stderr.strip().splitlines()), "no answer")[:300]
    return found


def variables(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment, in which pip-audit's own packages are found first."""
    return {**given, "PYTHONPATH": str(ROOT / ".venv" / "audit")}


def vulnerable(
    lock: str, packages: list[dict[str, Any]], excepted: set[Any]
) -> tuple[list[str], set[str]]:
    """Return a line for each advisory that no exception names, and the exceptions that some do."""
    lines, used = [], set()
    for package in packages:
        for each in package["vulns"]:
            names = {each["id"], *each.get("aliases", ())}
            used |= names & excepted
            if not names & excepted:
                fixed = ", ".join(each.get("fix_versions", ())) or "no version yet"
                what = f"{package['name']} {package['version']}: {each['id']}"
                lines.append(f"{lock}: {what}, fixed in {fixed}")
    return lines, used


if __name__ == "__main__":
    sys.exit(main(ROOT))
