"""Let DVC parse each YAML text once in a process.

For a trial of a second it parses dvc.yaml, params.yaml and dvc.lock some 150 times, each in 10 to
40 ms.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dvc.utils import strictyaml
from dvc.utils.serialize import _yaml

MOST = 100  # texts


@contextmanager
def remembered_yaml() -> Iterator[None]:
    """Remember what texts contain during the block; whoever asks gets a copy."""
    parse = _yaml.parse_yaml
    known: dict[str, Any] = {}

    def parse_once(text: str, path: str, typ: str = "safe") -> Any:
        if typ != "safe":  # with comments, to be changed and written
            return parse(text, path, typ)
        if text not in known:
            if len(known) == MOST:
                known.clear()
            known[text] = parse(text, path, typ)
        return copy.deepcopy(known[text])

    _yaml.parse_yaml = strictyaml.parse_yaml = parse_once
    try:
        yield
    finally:
        _yaml.parse_yaml = strictyaml.parse_yaml = parse
