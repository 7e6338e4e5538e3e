"""lockstep trace: show what a registered model was made of, or what was made of a data set."""

import json
import re
import shlex
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockstep.errors import ParamsError
from lockstep.messages import aligned
from lockstep.process.environment import prepare_environment
from lockstep.tracking.model_uris import parts_of

if TYPE_CHECKING:
    from lockstep.tracking.trace import Traced

HELP = "show what a model was made of, or what was made of data"
MD5 = re.compile(r"([0-9a-f]{32})(\.dir)?")
MAIN_PACKAGES = ("tensorflow", "keras", "numpy", "mlflow", "dvc", "prefect")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the model or hash, --json and --difference."""
    parser.add_argument(
        "what",
        metavar="MODEL|MD5",
        help="models:/NAME@ALIAS, models:/NAME/VERSION, or an md5 that dvc.lock has",
    )
    parser.add_argument("--json", action="store_true", help="print the passport, or a JSON list")
    parser.add_argument(
        "--difference", action="store_true", help="print the uncommitted changes, as a patch"
    )


def act(root: Path, arguments: Namespace) -> None:
    """Print the page of a version, its passport or its patch; or a table of what has a hash."""
    if arguments.what.startswith("models:"):
        prepare_environment(root)
        from lockstep.tracking import trace  # imports MLflow

        traced = trace.read(root, *parts_of(arguments.what))
        if arguments.difference:
            sys.stdout.buffer.write(traced.difference)
        elif arguments.json:
            print(json.dumps(traced.passport, indent=2))
        else:
            print(_page(traced, root))
    else:
        rows = _made_of(root, arguments.what)
        print(json.dumps(rows, indent=2) if arguments.json else aligned(rows))


def _made_of(root: Path, given: str) -> list[tuple[str, ...]]:
    match = MD5.fullmatch(given)
    if not match:
        raise ParamsError(f"got {given!r}, expected models:/NAME@ALIAS or the md5 of data")
    from lockstep.tracking import trace
    from lockstep.versioning import lock_search

    md5s = [match[1], f"{match[1]}.dir"]
    rows: list[tuple[str, ...]] = [tuple(each) for each in trace.made_of(root, md5s)]
    for each in lock_search.having(root, md5s):
        kind = "DVC experiment" if each.commit else "dvc.lock"
        rows.append((kind, each.name, f"{each.commit[:7]} has it as {each.path}".strip()))
    if not rows:
        raise ParamsError(
            f"got {given}, expected an md5 that MLflow, or the dvc.lock of this workspace or of a "
            "DVC experiment, has"
        )
    return rows


def _page(traced: "Traced", root: Path) -> str:
    heading = f"{traced.uri}{''.join(f' @{each}' for each in traced.aliases)}"
    parts = [heading, aligned(_facts(traced)), _stages(traced.passport), _commands(traced, root)]
    return "\n\n".join(filter(None, parts))


def _facts(traced: "Traced") -> list[tuple[str, str]]:
    passport = traced.passport
    git, environment = passport["git"], passport["environment"]
    facts = {
        "verdict": traced.verdict,
        "metrics": ", ".join(f"{name} {value}" for name, value in passport["metrics"].items()),
        "weights": f"{passport['weights']['name']}, digest {passport['weights']['digest']}",
        "commit": git["commit"],
        "uncommitted": git["difference"] and f"a difference with sha256 {git['difference']}",
        "origin": git["origin"],
        "parameters": f"sha256 {passport['params']['sha256']}",
        "DVC experiment": passport["dvc"]["experiment"],
        "MLflow run": passport["mlflow"]["run"],
        "Prefect flow run": passport["prefect"]["url"] or passport["prefect"]["flow_run"],
        "requirements.lock": f"sha256 {environment['requirements_lock']}",
        "versions": _versions(environment["versions"]),
        **environment["training"],
    }
    return [(name, value) for name, value in facts.items() if value]


def _versions(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {found[name]}" for name in MAIN_PACKAGES if name in found)


def _stages(passport: Any) -> str:
    """The md5 of each input and output of each stage."""
    rows = [
        (name, mark, each["path"], each.get("md5", ""))
        for name, stage in passport["stages"].items()
        for mark, kind in (("<-", "deps"), ("->", "outs"))
        for each in stage.get(kind, ())
    ]
    return aligned(rows) if rows else "dvc.lock had no stages with these weights"


def _commands(traced: "Traced", root: Path) -> str:
    """The commands that rebuild the model without `lockstep verify`."""
    git = traced.passport["git"]
    patch = bool(traced.difference)
    lines = [
        f"lockstep verify {traced.uri}    # does all that follows, and compares",
        "",
        f"lockstep trace {traced.uri} --difference > difference.patch" if patch else None,
        f"git clone {shlex.quote(git['origin'] or str(root))} rebuilt && cd rebuilt",
        f"git checkout --detach {git['commit']}",
        "git apply ../difference.patch" if patch else None,
        f"cd {shlex.quote(git['folder'])}" if git["folder"] != "." else None,
        "make env && . .venv/bin/activate",
        "dvc pull data/raw    # with a DVC remote; otherwise the stage download brings the data",
        "dvc repro evaluate",
    ]
    return "\n".join(
        ["To rebuild it:", *(f"    {each}".rstrip() for each in lines if each is not None)]
    )
