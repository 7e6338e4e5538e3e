"""lockstep gc: remove what failed, killed and removed runs have left behind."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.filesize import decimal

from lockstep.errors import LockstepError
from lockstep.messages import aligned
from lockstep.process import console
from lockstep.process.environment import prepare_environment

if TYPE_CHECKING:
    from pipelines.leftovers.search import Found

HELP = "remove what failed, killed and removed runs have left behind"


def add_arguments(parser: ArgumentParser) -> None:
    """Add --plan, --yes and --json."""
    parser.add_argument("--plan", action="store_true", help="only say what would be removed")
    parser.add_argument("--yes", action="store_true", help="don't ask on a terminal")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def act(root: Path, arguments: Namespace) -> None:
    """Print what is left over, with sizes, and remove it.

    Raises LockstepError if something couldn't be removed, after the rest.
    """
    prepare_environment(root)
    from pipelines.leftovers.search import search  # imports DVC and MLflow

    found = search(root)
    print(json.dumps(_as_json(found), indent=2) if arguments.json else _page(found), flush=True)
    if not arguments.plan and found.leftovers and (arguments.yes or _is_wanted()):
        _remove(found)


def _as_json(found: "Found") -> dict[str, object]:
    rows = [{"kind": each.kind, "name": each.name, "bytes": each.size} for each in found.rows]
    return {"leftovers": rows, "bytes": found.size, "kept": found.kept}


def _page(found: "Found") -> str:
    rows = [(each.kind, each.name, decimal(each.size)) for each in found.rows]
    table = aligned([*rows, ("", "all", decimal(found.size))]) if rows else "nothing is left over"
    return "\n".join([table, *(f"not looked at: {line}" for line in found.kept)])


def _is_wanted() -> bool:
    """Ask a person; a script that doesn't give --plan wants it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return input("remove all of these? [y/N] ").strip().lower() in ("y", "yes")


def _remove(found: "Found") -> None:
    failed = []
    for each in found.leftovers:
        try:
            each.remove()
        except (LockstepError, OSError) as error:
            failed.append(f"{each.rows[0].kind} {each.rows[0].name}: {error}")
    for line in failed:
        console.say(line)
    if failed:
        raise LockstepError(f"{len(failed)} weren't removed, expected all; the lines above say why")
    console.say(f"removed, {decimal(found.size)} are free")
