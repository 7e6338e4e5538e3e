"""A retired name is refused with a message that gives the new one, and is used nowhere else."""

import re
from pathlib import Path

import pytest

from lockstep.config.reading import flat_params, load_params
from lockstep.config.renamed import IDENTIFIERS, KEYS
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import ParamsError
from tests.support.workspaces import REPOSITORY, git, run

TABLE = "lockstep/config/renamed.py"
# They list retired names, describe old versions, or use a retired name as an English word.
LEFT_OUT = (TABLE, "CHANGELOG.md", "docs/reference-results.md", "benchmarks/reference.py")


@pytest.mark.parametrize("key", KEYS)
def test_a_retired_key_is_refused_with_the_new_name(project: Path, key: str) -> None:
    section, name = key.split(".")
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(
        text.replace(f"\n{section}:\n", f"\n{section}:\n  {name}: 1\n")
    )
    with pytest.raises(ParamsError) as caught:
        load_params(project)
    assert str(caught.value) == (
        f"params.yaml: {key}: this key has been renamed, expected {KEYS[key]}"
    )


def test_an_override_by_a_retired_key_is_refused_too(workspace: Path) -> None:
    ended = run(workspace, "lockstep", "plan", "train.steps_per_call=3")
    assert (ended.returncode, ended.stdout) == (
        2,
        "lockstep plan: overrides: train.steps_per_call: this key has been renamed, expected "
        "train.steps_per_execution\n",
    )


def test_new_names_are_keys() -> None:
    keys = flat_params(load_params(REPOSITORY))
    raw = read_yaml(REPOSITORY / "params.yaml")
    assert set(KEYS.values()) <= {*keys, *(f"{s}.{k}" for s in raw if s != "seed" for k in raw[s])}


def test_no_retired_name_is_used_anywhere_else() -> None:
    retired = [*IDENTIFIERS, *(key for key in KEYS if KEYS[key].count(key) == 0)]
    pattern = re.compile("|".join(rf"(?<![\w.]){re.escape(each)}(?!\w)" for each in retired))
    found = []
    for name in git(REPOSITORY, "ls-files", "-co", "--exclude-standard").splitlines():
        file = REPOSITORY / name
        if (
            file.suffix in (".py", ".md", ".yaml", ".toml")
            and name not in LEFT_OUT
            and file.exists()
        ):
            lines = enumerate(file.read_text().splitlines(), 1)
            found += [f"{name}:{at}: {line}" for at, line in lines if pattern.search(line)]
    assert [line for line in found if "test_renamed.py" not in line] == []
