"""Presets: the content of their files; `lockstep` and `dvc` read the same parameters from them."""

import re
import shutil
from pathlib import Path

import pytest

from lockstep.config import presets
from lockstep.config.overrides import overridden
from lockstep.config.reading import check_params
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import ParamsError
from tests.support.workspaces import REPOSITORY, run

DEFAULTS = read_yaml(REPOSITORY / "params.yaml")
NAMES = presets.preset_names(REPOSITORY)


def value_of(values: object, key: str) -> object:
    for part in key.split("."):
        values = values[part]  # type: ignore[index]
    return values


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_has_a_header_and_only_values_that_differ(name: str) -> None:
    lines = (REPOSITORY / "presets" / f"{name}.yaml").read_text().splitlines()
    words = [re.match(r"# (\w+): \S", line) for line in lines[:4]]
    assert [word and word[1] for word in words] == ["Shows", "Cost", "Expected", "Published"]
    for assignment in presets.assignments(REPOSITORY, name):
        key = assignment.partition("=")[0]
        changed = value_of(overridden(DEFAULTS, [assignment]), key)
        assert changed != value_of(DEFAULTS, key), f"{key} is as in params.yaml"


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_valid_and_the_same_for_dvc(name: str, tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    wanted = overridden(DEFAULTS, presets.assignments(REPOSITORY, name))
    check_params(wanted, REPOSITORY)
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    options = presets.for_dvc(REPOSITORY, name).split()
    assert options[::2] == ["-S"] * (len(options) // 2)
    apply_overrides(tmp_path / "params.yaml", options[1::2])
    assert read_yaml(tmp_path / "params.yaml") == wanted


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ParamsError, match=r"got 'mnist-mpl-512', .* did you mean mnist-mlp-512"):
        presets.assignments(REPOSITORY, "mnist-mpl-512")


def test_the_list_names_data_model_and_figures() -> None:
    ended = run(REPOSITORY, "lockstep", "presets")
    line = next(line for line in ended.stdout.splitlines() if line.startswith("mnist-mlp-512 "))
    assert line.split()[1:3] == ["mnist", "mlp"]
    assert line.endswith("97.88 %")


def test_overrides_take_precedence_over_the_preset(workspace: Path) -> None:
    ended = run(
        workspace, "lockstep", "plan", "--preset", "fashion-mlp", "train.epochs=0"
    )  # fmt: skip
    assert ended.returncode == 2
    assert "train.epochs: got 0" in ended.stdout


@pytest.mark.system
def test_a_preset_run_is_saved_under_its_name(workspace: Path) -> None:
    ended = run(workspace, "lockstep", "run", "--preset", "multi-input", "train.epochs=2")
    assert ended.returncode == 0, ended.stdout
    assert "saved as multi-input-epochs-2" in ended.stdout
    assert "multi-input" in run(workspace, "dvc", "exp", "list", "--name-only").stdout


@pytest.mark.system
def test_the_diverging_preset_names_the_step(workspace: Path) -> None:
    ended = run(workspace, "lockstep", "run", "--preset", "linear-diverging")
    assert ended.returncode == 1
    assert re.search(r"train: the loss became inf in epoch \d+ at step 1", ended.stdout)
