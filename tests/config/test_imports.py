"""Model and data set files may import only project modules that dvc.yaml lists as dependencies."""

from pathlib import Path

import pytest

from lockstep.config.reading import load_params
from lockstep.errors import ParamsError
from tests.support.workspaces import change_params, stage

MODEL = "def build(input_shape, outputs, activation): ...\n"
MINE = {"model.name": "mine", "model.mine": {}}


def refused(project: Path, file: str, line: str, changes: dict[str, object]) -> str:
    path = project / file
    path.write_text(f"{line}\n\n\n{MODEL}")
    with pytest.raises(ParamsError) as caught:
        change_params(project, changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("from models import cnn", "models.cnn"),
        ("from models.cnn import build as other", "models.cnn.build"),
        ("import models.cnn", "models.cnn"),
        ("from . import cnn", "models.cnn"),
        ("from .cnn import build as other", "models.cnn.build"),
        ("from lockstep.training import order", "lockstep.training.order"),
        ("import helpers", "helpers"),
        ("from tasks.datasets import digits", "tasks.datasets.digits"),
        ("def late():\n    import helpers", "helpers"),
    ],
)
def test_a_model_may_not_import_a_module_that_no_stage_depends_on(
    project: Path, line: str, module: str
) -> None:
    (project / "helpers.py").touch()
    said = refused(project, "models/mine.py", line, MINE)
    assert said.startswith(f"models/mine.py: imports {module}, which dvc.yaml doesn't name")
    assert said.endswith("move what several files share to models/_shared/")


@pytest.mark.parametrize(
    "line",
    [
        "import keras\nimport numpy as np",
        "from models._shared import blocks",
        "from models._shared.blocks import block",
        "from ._shared.blocks import block",
        "from lockstep.modeling.layers import TextToIds",
        "from lockstep.errors import DataError",
    ],
)
def test_a_model_may_import_dependencies_of_its_stages(project: Path, line: str) -> None:
    (project / "models" / "mine.py").write_text(f"{line}\n\n\n{MODEL}")
    assert change_params(project, MINE).model.name == "mine"


def test_imports_of_shared_modules_are_checked_too(project: Path) -> None:
    (project / "models" / "_shared" / "blocks.py").write_text("from models import cnn\n")
    with pytest.raises(ParamsError, match=r"^models/_shared/blocks.py: imports models.cnn"):
        load_params(project)


def test_a_data_set_may_not_import_another(project: Path) -> None:
    line = "from tasks.datasets import digits"
    said = refused(project, "tasks/datasets/mine.py", line, {"data.name": "mine"})
    assert said.startswith("tasks/datasets/mine.py: imports tasks.datasets.digits, which dvc.yaml")
    assert said.endswith("stage download; move what several files share to tasks/datasets/_shared/")


def test_a_data_set_may_not_import_a_dependency_of_normalize_alone(project: Path) -> None:
    line = "from lockstep.data import text"
    said = refused(project, "tasks/datasets/mine.py", line, {"data.name": "mine"})
    assert "imports lockstep.data.text, which" in said
    assert "the stage download" in said


def test_the_custom_objects_file_may_not_import_a_model(project: Path) -> None:
    changes = {"train.custom_objects_file": "models/_custom.py"}
    said = refused(project, "models/_custom.py", "from models.cnn import build as other", changes)
    assert said.startswith("models/_custom.py: imports models.cnn.build, which")


def test_a_stage_ends_with_exit_code_2(project: Path) -> None:
    file = project / "models" / "cnn.py"
    file.write_text(f"{file.read_text()}\n\nfrom models import mlp\n")
    ended = stage(project, "build", LOCKSTEP_FORBIDDEN="tensorflow,keras,numpy")
    assert (ended.returncode, ended.stdout.count("\n")) == (2, 1)
    assert ended.stdout.startswith("build: models/cnn.py: imports models.mlp")
