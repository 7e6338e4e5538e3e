"""Odd params.yaml files and addresses end in one short line, without passwords and codes."""

from pathlib import Path

import pytest

from lockstep.config.overrides import overridden
from lockstep.config.reading import load_params
from lockstep.errors import LONGEST, LockstepError, ParamsError, one_line
from tests.support.workspaces import change_params, stage, write_params

SECRET = "S3CR3T"


def problem(project: Path, before: str, after: str) -> str:
    """The one line about params.yaml after a change of its text."""
    file = project / "params.yaml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    with pytest.raises(ParamsError) as caught:
        load_params(project)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 300
    return line


def test_a_list_nested_3000_deep(project: Path) -> None:
    line = problem(project, "seed: 0", f"seed: {'[' * 3000}{']' * 3000}")
    assert line == "params.yaml: nested too deep, expected a few levels"
    with pytest.raises(ParamsError, match="expected a value that is YAML"):
        overridden({}, [f"seed={'[' * 3000}{']' * 3000}"])


def test_a_number_of_5000_digits(project: Path) -> None:
    assert problem(project, "seed: 0", f"seed: {'9' * 5000}").startswith("params.yaml: not valid")
    with pytest.raises(ParamsError) as caught:
        overridden({}, [f"seed={'9' * 5000}"])
    assert len(str(caught.value)) < 200


def test_a_number_of_4000_digits(project: Path) -> None:
    assert "seed: got 999" in problem(project, "seed: 0", f"seed: {'9' * 4000}")


def test_references_that_would_nest_into_gigabytes(project: Path) -> None:
    levels = "".join(f"  - &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    bomb = f"bomb:\n  - &a0 [1]\n{levels}seed: 0"
    assert problem(project, "seed: 0", bomb).startswith("params.yaml: bomb: unknown key")
    project.joinpath("params.yaml").write_text(
        project.joinpath("params.yaml")
        .read_text()
        .replace("bomb:", "seed:")
        .replace("\nseed: 0", "", 1)
    )
    with pytest.raises(ParamsError, match="seed: got"):
        load_params(project)


@pytest.mark.parametrize(
    "mirror",
    [
        "http://", "http:///mnist", "http://[::1/x", "http://h:port/x", "http://h:99999/x",
        "s3://bucket/x", "https://h/x?sig=1", "https://h/x#y", "file://host/x", "http://h\x1b[2J/x",
        f"http://{'a' * 70}.org/",
    ],
)  # fmt: skip
def test_a_broken_address_of_a_mirror(project: Path, mirror: str) -> None:
    with pytest.raises(ParamsError) as caught:
        change_params(project, {"data.mirror": mirror})
    line = str(caught.value)
    assert line.startswith("params.yaml: data.mirror: got ")
    assert line.endswith("expected http(s)://HOST/PATH, file:///PATH or a folder")
    assert "\x1b" not in line


@pytest.mark.parametrize("address", [f"https://me:{SECRET}@h/x", f"http://{SECRET}@h:port/x"])
def test_a_password_in_a_mirror_is_refused_and_not_printed(project: Path, address: str) -> None:
    write_params(project, {"data.mirror": address})
    ended = stage(project, "download")
    assert ended.returncode == 2
    assert "put them into ~/.netrc" in ended.stdout
    assert SECRET not in ended.stdout
    assert ended.stdout.count("\n") == 1


def test_a_folder_may_be_a_mirror(project: Path) -> None:
    for mirror in ("/data/with @ and #", "relative", "file:///data", "http://127.0.0.1:8/x"):
        assert change_params(project, {"data.mirror": mirror}).data.mirror == mirror


def test_a_line_has_no_codes_for_the_terminal_and_no_passwords() -> None:
    text = f"\x1b[2Ja\r\nb\x07 \x9b31m \u202ec https://me:{SECRET}@host/x?a@b /a  b"
    shown = r"\x1b[2Ja b\x07 \x9b31m \u202ec https://host/x?a@b /a  b"
    assert one_line(text) == str(LockstepError(text)) == shown
    assert len(one_line("x" * 10**6)) == len(one_line("\x1b" * 10**6)) == LONGEST
    assert one_line("Lücke, é, 数") == "Lücke, é, 数"
