"""What the benchmarks share: options, clones, peers in turn, and tables in docs/performance.md."""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
TABLES = REPOSITORY / "docs" / "performance.md"


class Seconds(NamedTuple):
    """What a peer took, over its repeats."""

    minimum: float
    median: float


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return what reads --json and --smallest, which every benchmark has."""
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    made.add_argument("--json", action="store_true", help="print JSON in the place of tables")
    made.add_argument(
        "--smallest",
        action="store_true",
        help="do the least that runs every line, without files of --data; figures of this size "
        "mean nothing, so nothing in docs/ or presets/ is written",
    )
    return made


def add_data(to: argparse.ArgumentParser) -> None:
    """Add --data."""
    shared = REPOSITORY.parent / "shared" / "data"
    to.add_argument("--data", type=Path, default=shared, help="a mirror of the publishers' files")


def options(doc: str | None) -> argparse.Namespace:
    """Read --data and --repeats too; ends with a line if there is no MNIST where it is needed."""
    made = parser(doc)
    add_data(made)
    made.add_argument("--repeats", type=int, help="how often each peer is timed")
    found = made.parse_args()
    if not found.smallest and not (found.data / "mnist").is_dir():
        sys.exit(f"no folder {found.data / 'mnist'}: give --data a mirror with MNIST")
    found.data = found.data.resolve()
    return found


def clone(root: Path) -> Path:
    """Make a clone of the repository at HEAD, and return its root."""
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(root)], check=True)
    return root


def in_turn(repeats: int, peers: Mapping[str, Callable[[], object]]) -> dict[str, Seconds]:
    """Time peers that take turns, so that a slow minute hits all; once before to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in peers}
    for repeat in range(repeats + 1):
        for name, peer in peers.items():
            start = time.perf_counter()
            peer()
            if repeat:
                taken[name].append(time.perf_counter() - start)
    return {name: Seconds(min(each), statistics.median(each)) for name, each in taken.items()}


def table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    lines = [list(header), *rows]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def show(asked: argparse.Namespace, name: str, found: object, text: str) -> None:
    """Print what was found, and write its table into docs/performance.md."""
    written = with_table(TABLES.read_text(encoding="utf-8"), name, text)
    if not asked.smallest:
        TABLES.write_text(written, encoding="utf-8")
    print(json.dumps(found) if asked.json else text)


def with_table(page: str, name: str, text: str) -> str:
    """Return a page with another text between the marks of a name."""
    marks = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(rf"(?<={marks[0]}\n).*?(?={marks[1]})", re.DOTALL)
    return pattern.sub(lambda _: text + "\n", page)
