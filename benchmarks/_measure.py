"""What the benchmarks share: options, peers in turn, and tables in docs/performance.md."""

import argparse
import re
import statistics
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


def options(doc: str | None, repeats: int) -> argparse.Namespace:
    """Read --data, --repeats and --json; ends with a line if there is no MNIST."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--json", action="store_true", help="print one object")
    found = parser.parse_args()
    if not (found.data / "mnist").is_dir():
        sys.exit(f"no folder {found.data / 'mnist'}: give --data a mirror with MNIST")
    found.data = found.data.resolve()
    return found


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


def write_table(name: str, text: str) -> None:
    """Replace what stands between the marks of a name in docs/performance.md."""
    marks = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(rf"(?<={marks[0]}\n).*?(?={marks[1]})", re.DOTALL)
    TABLES.write_text(pattern.sub(lambda _: text + "\n", TABLES.read_text()))
