"""An edit of what a stage reads while it runs isn't recorded as what has made its results."""

from collections.abc import Callable
from pathlib import Path

import pytest

import tasks.normalize
from lockstep.errors import DataError
from lockstep.versioning.reproduction import reproduce_stage
from pipelines.stage_runs import in_process
from tests.support.workspaces import change_params, run

NORMALIZE = tasks.normalize.normalize
Edit = Callable[[Path], object]


def with_a_line(name: str) -> Edit:
    def edit(root: Path) -> None:
        with (root / name).open("a") as file:
            file.write("# another line\n")

    return edit


def touched(root: Path) -> None:
    (root / "tasks" / "normalize.py").touch()


@pytest.fixture
def root(make_workspace: Callable[..., Path]) -> Path:
    root = make_workspace(name="steady", until="normalize")
    reproduce_stage(root, "download", in_process(root, "download"))
    return root


@pytest.fixture
def normalize(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Edit], str]:
    """Return a function that runs the stage, with an edit before the stage ends."""

    def call(edit: Edit) -> str:
        def stage(*arguments: object) -> None:
            NORMALIZE(*arguments)
            edit(root)

        monkeypatch.setattr(tasks.normalize, "normalize", stage)
        return reproduce_stage(root, "normalize", in_process(root, "normalize"))

    return call


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (lambda root: change_params(root, {"data.validation_split": 0.4}), "params.yaml: data"),
        (lambda root: (root / "params.yaml").write_text("seed: ["), "params.yaml: "),
        (with_a_line("tasks/normalize.py"), "tasks/normalize.py"),
        (with_a_line("lockstep/data/checks.py"), "lockstep/data"),
        (lambda root: (root / "data" / "raw" / "new").touch(), "data/raw"),
    ],
    ids=["parameter", "half-edited parameters", "stage", "engine", "data"],
)
def test_an_input_that_is_edited_fails_the_stage(
    root: Path, normalize: Callable[[Edit], str], edit: Edit, name: str
) -> None:
    before = (root / "dvc.lock").read_bytes()
    with pytest.raises(DataError, match=rf"{name}.*changed while the stage normalize ran"):
        normalize(edit)
    assert (root / "dvc.lock").read_bytes() == before


@pytest.mark.parametrize(
    "edit",
    [
        lambda root: change_params(root, {"train.epochs": 77}),
        with_a_line("models/mlp.py"),
        with_a_line("lockstep/errors.py"),
        touched,
    ],
    ids=["parameter of another stage", "model", "code without effect on results", "no change"],
)
def test_edits_of_what_it_does_not_read_are_free(
    root: Path, normalize: Callable[[Edit], str], edit: Edit
) -> None:
    assert normalize(edit) == "ran"


def test_dvc_repro_records_nothing_either(root: Path) -> None:
    code = (root / "tasks" / "normalize.py").read_text()
    start = "    kept.remove_recorded(root)\n"
    changed = code.replace(start, f"{start}    Path(__file__).open('a').write('# edited')\n", 1)
    assert changed != code
    (root / "tasks" / "normalize.py").write_text(changed)
    ended = run(root, "dvc", "repro", "normalize")
    assert "tasks/normalize.py: changed while the stage normalize ran" in ended.stdout
    assert "\n  normalize:" not in (root / "dvc.lock").read_text()
