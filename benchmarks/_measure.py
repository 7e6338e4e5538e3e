"""Shared by the benchmarks: options, clones, timing, and the tables in docs/performance.md."""

import argparse
import json
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from lockstep.doctor import device_choice
from lockstep.process.exit_codes import exit_code

REPOSITORY = Path(__file__).resolve().parent.parent
TABLES = REPOSITORY / "docs" / "performance.md"


class Seconds(NamedTuple):
    """The seconds that a peer took, over its repeats."""

    minimum: float
    median: float


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of --json and --smallest, which every benchmark has."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--smallest",
        action="store_true",
        help="run everything with as little work as possible, without --data; such figures mean "
        "nothing, so docs/ and presets/ stay unchanged",
    )
    return parser


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the option --data."""
    shared = REPOSITORY.parent / "shared" / "data"
    parser.add_argument(
        "--data", type=Path, default=shared, help="a mirror of the publishers' files"
    )


def options(doc: str | None, *, device: bool = False) -> argparse.Namespace:
    """Parse the command line, with --data and --repeats; exit if --data lacks MNIST.

    `device` adds --device, on which `choose_device` has acted.
    """
    with_data = parser(doc)
    add_data(with_data)
    if device:
        add_device(with_data)
    with_data.add_argument("--repeats", type=int, help="how often each peer is timed")
    found = with_data.parse_args()
    if not found.smallest and not (found.data / "mnist").is_dir():
        sys.exit(f"no folder {found.data / 'mnist'}: set --data to a mirror with MNIST")
    found.data = found.data.resolve()
    return found


def choose_device(name: str) -> None:
    """Act on the option --device, before TensorFlow is imported.

    With cpu, the default, GPUs are hidden; for gpu without one the process ends with code 4.
    """
    early = argparse.ArgumentParser(add_help=False)
    add_device(early)
    with exit_code(name) as outcome:
        device_choice.choose(early.parse_known_args()[0].device)
    if outcome.code:
        sys.exit(outcome.code)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option --device."""
    kinds = device_choice.KINDS
    parser.add_argument("--device", choices=kinds, default=kinds[0], help="default: cpu")


def clone(root: Path) -> Path:
    """Clone the repository at HEAD to `root`, and return `root`."""
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(root)], check=True)
    return root


def free_port() -> int:
    """Return an unused port on the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def in_turn(repeats: int, peers: Mapping[str, Callable[[], object]]) -> dict[str, Seconds]:
    """Time the peers alternately, so that a slow phase affects all, after an untimed warm-up."""
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


def show(
    options: argparse.Namespace,
    name: str,
    found: object,
    text: str,
    *,
    publish: bool = True,
    page: Path = TABLES,
) -> None:
    """Print the results as JSON or as a table, and write the table into docs/performance.md."""
    written = with_table(page.read_text(encoding="utf-8"), name, text)
    if publish and not options.smallest:
        page.write_text(written, encoding="utf-8")
    print(json.dumps(found) if options.json else text)


def with_table(page: str, name: str, text: str) -> str:
    """Return `page` with `text` between the HTML comments `name` and `/name`."""
    marks = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(rf"(?<={marks[0]}\n).*?(?={marks[1]})", re.DOTALL)
    return pattern.sub(lambda _: text + "\n", page)
