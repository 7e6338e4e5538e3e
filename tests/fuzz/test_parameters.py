"""Any params.yaml, override, search space and sweep file gives parameters, or one line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockstep.config import sweep_files
from lockstep.config.overrides import overridden, write_overridden
from lockstep.config.reading import check_params, load_params
from lockstep.config.schema import Params
from lockstep.config.search_space import combinations, ends, parsed, separated, size
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import ParamsError
from pipelines.sweeps import requested
from tests.support.fuzzing import SETTINGS, ended, slow
from tests.support.workspaces import REPOSITORY

TEXT = (REPOSITORY / "params.yaml").read_text()
VALUES = read_yaml(REPOSITORY / "params.yaml")


def keys(values: Any, path: str = "") -> list[str]:
    """The dotted keys of sections and of values."""
    if not isinstance(values, dict):
        return []
    inside = [(f"{path}{key}", value) for key, value in values.items()]
    return [each for key, value in inside for each in (key, *keys(value, f"{key}."))]


KEYS = keys(VALUES)
ODD = [
    "null", "~", "true", "1e3", "-1", "0", "1e999", ".nan", ".inf", "nan", "inf", "+.5", "1_000",
    "1:30", "0o17", "0x1F", "2026-01-01", "''", '"a\\0b"', "[]", "{}", "[1, [2]]", "[null]",
    "{a: 1}", "{1: 2}", "{null: 1}", "{[a]: 1}", "? [a]", "- a", "|\n a", "a: b: c", "<<: 1",
    "{<<: *a}", "&a [*a]", "*b", "#", "%", "@x", "`x`", "!!python/object/apply:os.system [x]",
    "!!binary xx", "!!set {a}", "\\x1b[2J", "\udc80", "\u202e", "9" * 5000, "[" * 3000, "a" * 3000,
    "../../x", "/etc/passwd", "custom.x", "{name: null}", "{name: Lambda, function: x}",
    "[{name: Dense}]", "{name: SGD, learning_rate: {name: CosineDecay}}",
]  # fmt: skip
VALUE = st.one_of(
    st.sampled_from(ODD), st.text(max_size=20), st.integers().map(str), st.floats().map(str)
)
KEY = st.one_of(
    st.sampled_from(KEYS),
    st.text(max_size=8),
    st.sampled_from([".", "..", "a..b", "seed.x", "model.x.y"]),
)
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(ODD))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project files that parameters are checked against."""
    root = tmp_path_factory.mktemp("fuzzed") / "project"
    for folder in ("models", "tasks", "sweeps"):
        shutil.copytree(
            REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file in ("dvc.yaml", "params.yaml", "versions.txt"):
        shutil.copy(REPOSITORY / file, root)
    return root


def is_checked(found: Any) -> bool:
    return isinstance(found, Params | ParamsError)


def checked(root: Path, assignments: list[str]) -> Params:
    return check_params(overridden(VALUES, assignments), root)


@SETTINGS
@given(assignments=st.lists(st.tuples(KEY, VALUE), min_size=1, max_size=3))
def test_any_overrides(project: Path, assignments: list[tuple[str, str]]) -> None:
    given = [f"{key}={value}" for key, value in assignments]
    assert is_checked(ended(lambda: checked(project, given)))


@slow(SETTINGS)
@given(key=st.sampled_from(KEYS), value=VALUE)
@example(key="seed", value="&a [*a]")
def test_any_override_that_is_written(folder: Path, key: str, value: str) -> None:
    path = folder / "params.yaml"
    path.write_text(TEXT)
    ended(lambda: write_overridden(path, [f"{key}={value}"]))
    ended(lambda: read_yaml(path))


@slow(SETTINGS)
@given(
    start=st.integers(0, len(TEXT)),
    length=st.integers(0, 60),
    inside=st.one_of(st.text(max_size=30), st.sampled_from(ODD), st.binary(max_size=9)),
)
@example(start=0, length=len(TEXT), inside="")
@example(start=0, length=len(TEXT), inside="[]")
@example(start=0, length=len(TEXT), inside=b"\xff\xfe")
def test_any_damage_of_params(project: Path, start: int, length: int, inside: str | bytes) -> None:
    content = TEXT.encode()
    middle = inside if isinstance(inside, bytes) else inside.encode("utf-8", "surrogatepass")
    (project / "params.yaml").write_bytes(content[:start] + middle + content[start + length :])
    assert is_checked(ended(lambda: load_params(project)))


@SETTINGS
@given(
    key=KEY,
    text=st.one_of(
        VALUE,
        st.text("0123456789.,eE+-:log[]{}'\" \n", max_size=24),
        st.builds("{}{}..{}".format, st.sampled_from(["", "log:"]), VALUE, VALUE),
    ),
)
@example(key="\x1b", text=f"log:null..{'[' * 3000}")
@example(key="seed", text=f"{'9' * 5000}..{'9' * 5001}")
@example(key="seed", text=f"1..{10**400}")
@example(key="seed", text=f"0.5..{10**400}")
@example(key="seed", text=f"1..{10**15}")
def test_any_search_space(key: str, text: str) -> None:
    ended(lambda: separated([f"{key}={text}"]))
    found = ended(lambda: parsed(key, text))
    if found is not None and not isinstance(found, ParamsError):
        assert str(found)
        ended(lambda: ends(found))
        if (size({key: found}) or 10**9) < 100:
            assert list(combinations({key: found}))


@SETTINGS
@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.dictionaries(
            st.sampled_from(["overrides", "trials", "parallel", "sampler", "prune", "preset", "x"]),
            st.recursive(
                SCALAR,
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3),
                max_leaves=6,
            ),
        ).map(lambda values: json.dumps(values).encode()),
    )
)  # fmt: skip
@example(content=b'{"overrides": {"seed": "1..1000000000000000"}}')
@example(content=b'{"overrides": {"seed": "0.5..1"}, "trials": -1}')
def test_any_sweep_file(project: Path, content: bytes) -> None:
    (project / "params.yaml").write_text(TEXT)
    (project / "sweeps" / "mine.yaml").write_bytes(content)
    found = ended(lambda: sweep_files.read(project, "mine"))
    assert isinstance(found, sweep_files.SweepFile | ParamsError)
    options = dict.fromkeys(("preset", "trials", "parallel", "sampler", "prune", "objective"))
    sweep = ended(lambda: requested.sweep_of(project, ["mine"], options))
    if not isinstance(sweep, ParamsError):
        ended(lambda: requested.check(project, sweep))


@pytest.mark.parametrize("name", ["../params", "/etc/passwd", "..", "a\0b", ""])
def test_a_sweep_is_in_its_folder(project: Path, name: str) -> None:
    with pytest.raises(ParamsError, match="expected key=values, or the name of a file"):
        sweep_files.read(project, name)
