"""Reads YAML 1.2, the version that DVC reads, into dicts and lists."""

import copy
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node

from lockstep.errors import ParamsError


def read_yaml(path: Path) -> Any:
    """Return the file's contents as dicts and lists; raises ParamsError for invalid YAML 1.2.

    A missing file, or one that isn't UTF-8, is a ParamsError too.
    """
    return _parsed(lambda: path.read_text(encoding="utf-8"), path)


def parse_yaml(text: str, path: Path) -> Any:
    """Return the contents of a text that was read from `path`; raises ParamsError as read_yaml."""
    return _parsed(lambda: text, path)


def parse_with_nodes(text: str, path: Path) -> tuple[Any, Node | None]:
    """Return also the parsed nodes, which know their places in the text."""
    yaml = YAML(typ="safe", pure=True)

    def load(text: str) -> tuple[Any, Node | None]:
        root = yaml.compose(text)
        return None if root is None else yaml.constructor.construct_document(root), root

    found: tuple[Any, Node | None] = _parsed(lambda: text, path, load)
    return found


def _load(text: str) -> Any:
    """A copy, for callers may change it: a text takes 10 to 40 ms, and is often read again."""
    return copy.deepcopy(_loaded(text))


@lru_cache(maxsize=16)
def _loaded(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _parsed(read: Callable[[], str], path: Path, load: Callable[[str], Any] = _load) -> Any:
    try:
        return load(read())
    except FileNotFoundError:
        raise ParamsError(
            f"{path}: no such file, expected the parameters of this workspace"
        ) from None
    except UnicodeDecodeError as error:
        raise ParamsError(
            f"{path.name}: byte {error.start} isn't UTF-8, save it as UTF-8"
        ) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        problem = " ".join(str(error.problem).split())
        raise ParamsError(f"{path.name}:{line}: not valid YAML: {problem}") from None
    except RecursionError:
        raise ParamsError(f"{path.name}: nested too deep, expected a few levels") from None
    except (YAMLError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise ParamsError(f"{path.name}: not valid YAML: {' '.join(str(error).split())}") from None
