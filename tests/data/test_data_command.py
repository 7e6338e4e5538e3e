"""`lockstep data` prints the card of a file, and the command that trains with it."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lockstep.config.overrides import as_value, overridden
from lockstep.errors import DataError, ParamsError
from pipelines.cli.__main__ import make_parser
from pipelines.cli._parameters import checked
from tests.support.workspaces import change_params, run

Printed = Callable[..., str]


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    path = tmp_path / "my houses.csv"
    lines = [f"{n % 50},{('Bonn', 'Oslo')[n % 2]},{n / 7}" for n in range(200)]
    path.write_text("\n".join(["rooms,city,price", *lines]) + "\n")
    return path


@pytest.fixture
def printed(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> Printed:
    """Runs the command in the workspace; afterwards it is as before, and no folder is left."""
    away = tmp_path / "temporary"
    away.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(away))

    def act(*arguments: object) -> str:
        before = files(workspace)
        parsed = make_parser().parse_args(["data", *map(str, arguments)])
        try:
            parsed.act(workspace, parsed)
        finally:
            assert files(workspace) == before
            assert list(away.iterdir()) == []
        return capsys.readouterr().out

    return act


def files(root: Path) -> dict[str, float]:
    return {str(file): file.lstat().st_mtime for file in root.rglob("*")}


def command(text: str) -> list[str]:
    return shlex.split(text.strip().splitlines()[-1])


def test_a_file_has_a_card_and_a_command(printed: Printed, houses: Path, workspace: Path) -> None:
    text = printed(houses, "--target", "price")
    assert "all cells are numbers" in text
    assert "2 different texts" in text
    assert command(text) == [
        "lockstep", "run", "data.name=csv", f"data.path={houses}", "data.target=price",
        "model.name=any",
    ]  # fmt: skip
    found = checked(workspace, command(text)[2:-1]).data
    assert (found.name, found.path, found.target) == ("csv", str(houses), "price")


def test_overrides_and_options_stand_in_any_order(printed: Printed, houses: Path) -> None:
    text = printed(houses, "seed=3", "--target", "rooms", "model.name=mlp")
    assert command(text)[4:] == ["data.target=rooms", "seed=3", "model.name=mlp"]


def test_what_params_yaml_says_of_other_data_does_not_count(
    printed: Printed, houses: Path, workspace: Path
) -> None:
    change_params(workspace, {"data.target": "y", "data.columns": {"a": "drop"}})
    found = command(printed(houses))
    assert {"data.target=null", "data.columns={}"} < set(found)
    assert checked(workspace, found[2:-1]).data.columns == {}


def test_a_path_is_of_the_current_folder(
    printed: Printed, houses: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(houses.parent)
    assert f"data.path={houses}" in command(printed(houses.name))
    inside = workspace / "inside.csv"
    inside.write_bytes(houses.read_bytes())
    assert "data.path=inside.csv" in command(printed(inside))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.npz", "npz"), ("pictures", "folder"), ("letters", "texts"), ("a.jsonl", "table")],
)
def test_the_data_set_follows_from_the_path(
    printed: Printed, tmp_path: Path, name: str, kind: str
) -> None:
    path = tmp_path / name
    if kind == "npz":
        np.savez(path, x=np.arange(80).reshape(20, 4) / 3, y=np.arange(20) % 2)
    elif kind == "folder":
        for number in range(20):
            (path / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
            pixels = np.full((4, 4), number, np.uint8)
            Image.fromarray(pixels).save(path / "ab"[number % 2] / f"{number}.png")
    elif kind == "texts":
        for number in range(20):
            (path / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
            (path / "ab"[number % 2] / f"{number}.txt").write_text(f"letter {number}")
    else:
        path.write_text("".join(f'{{"a": {n / 7}, "b": {n}}}\n' for n in range(20)))
    found = command(printed(path))
    assert f"data.name={kind}" in found
    assert found[-1] == "train.batch_size=8"  # for 14 examples


def test_without_a_path_it_is_the_data_of_params_yaml(printed: Printed) -> None:
    text = printed()
    assert text.startswith("Data: digits\n")
    assert command(text) == ["lockstep", "run"]


def test_columns_in_doubt_are_all_said(
    printed: Printed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "doubt.csv"
    path.write_text("id,code,y\n" + "".join(f"id{n},{n % 4},{n / 7}\n" for n in range(60)))
    with pytest.raises(DataError, match=r"row 2: column 'id' is 'id0'.*\{id: .*, code: number"):
        printed(path)
    assert "column 'code' is in doubt too: '0': 4 different whole" in capsys.readouterr().err


def test_the_exit_code_is_that_of_the_stage(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "doubt.csv"
    path.write_text("id,y\n" + "".join(f"id{n},{n / 7}\n" for n in range(60)))
    ended = run(workspace, "lockstep", "data", str(path), LOCKSTEP_FORBIDDEN="tensorflow,mlflow")
    assert (ended.returncode, ended.stdout.count("\n")) == (3, 1)
    assert ended.stdout.startswith(f"lockstep data: {path}: row 2: column 'id' is 'id0'")


def test_paths_that_no_data_set_reads_are_refused(printed: Printed, tmp_path: Path) -> None:
    (tmp_path / "a.doc").write_text("text")
    with pytest.raises(DataError, match=r"a\.doc: got a file \.doc, expected a folder, or one of"):
        printed(tmp_path / "a.doc")
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file or folder"):
        printed(tmp_path / "nowhere.csv")


def test_a_wrong_target_is_a_parameter(printed: Printed, houses: Path) -> None:
    with pytest.raises(ParamsError, match=r"data\.target: got 'prize'.*did you mean price\?"):
        printed(houses, "--target", "prize")


@pytest.mark.parametrize("text", ["price", "1", "yes", "null", "a: b", "[x", "é", "'", ""])
def test_a_text_stays_itself_as_an_override(text: str) -> None:
    assert overridden({}, [f"key={as_value(text)}"]) == {"key": text}
