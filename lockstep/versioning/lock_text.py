"""What the text of a dvc.lock contains, if it is whole.

DVC writes the file in place, so that a kill or a power loss leaves it empty or cut, and git's merge
writes conflict marks into it.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lockstep.config.yaml_files import parse_yaml
from lockstep.errors import DataError, ParamsError
from lockstep.storage import layout

MARK = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)
SCHEMA = "2.0"
OF_CHECKOUT = (
    "`lockstep doctor --fix` brings back the last good one, then `dvc repro` restores or runs what "
    "it lacks"
)
OF_EXPERIMENT = "run it again"  # of a commit, or of a DVC experiment


def parse_checkouts_lock(content: bytes, kept: str = "") -> Mapping[str, Any]:
    """Return the contents of a checkout's dvc.lock; raises DataError if it isn't whole.

    `kept` is the text of an earlier one, which may have been cut since.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken(f"a damaged file (byte {error.start} isn't UTF-8)", OF_CHECKOUT) from None
    if not text.strip():
        raise _broken("an empty file", OF_CHECKOUT)
    if _is_cut(text, kept):
        raise _broken(f"only the first {len(text.splitlines())} lines", OF_CHECKOUT)
    return parse_lock(text, fix=OF_CHECKOUT)


def parse_lock(
    text: str, parse: Callable[[str, Path], Any] = parse_yaml, fix: str = OF_EXPERIMENT
) -> Mapping[str, Any]:
    """Return the contents of a dvc.lock, which are none without text; raises DataError if broken.

    `fix` says what brings a whole one back.
    """
    if not text:
        return {}
    if mark := MARK.search(text):
        line = text.count("\n", 0, mark.start()) + 1
        raise _broken(f"conflict marks of a git merge in line {line}", fix)
    try:
        found = parse(text, layout.LOCK)
    except ParamsError as error:
        raise _broken(f"a damaged file ({error})", fix) from None
    if not _is_lock(found):
        raise _broken("a damaged file (it isn't of the form that DVC writes)", fix)
    return dict(found)


def _is_cut(text: str, kept: str) -> bool:
    """Whether a text ends within a line, or else within a stage that was kept with more."""
    if not text.endswith(("\n", "}")):  # as DVC and JSON end
        return True
    rest = kept[len(text) :]
    if not rest or not kept.startswith(text) or re.match(r"  \S", rest):
        return False
    # A stage may have had fewer outputs once, but not fewer of the rest, and then no output.
    stage = re.split(r"^(?=  \S)", text, flags=re.MULTILINE)[-1]
    return not ("\n    outs:\n" in stage and rest.startswith("    - "))


def _broken(problem: str, fix: str) -> DataError:
    return DataError(f"{layout.LOCK}: got {problem}, expected a whole file; {fix}")


def _is_lock(found: Any) -> bool:
    if not isinstance(found, Mapping) or found.get("schema") != SCHEMA:
        return False
    stages = found.get("stages", {})
    return isinstance(stages, Mapping) and all(map(_is_stage, stages.values()))


def _is_stage(stage: Any) -> bool:
    if not isinstance(stage, Mapping) or "cmd" not in stage:
        return False
    lists, params = [stage.get(kind, []) for kind in ("deps", "outs")], stage.get("params", {})
    return (
        all(isinstance(each, list) and all(map(_has_path, each)) for each in lists)
        and isinstance(params, Mapping)
        and all(isinstance(each, Mapping) for each in params.values())
    )


def _has_path(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("path"), str)
