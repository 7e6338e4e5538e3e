"""A bit flipped in DVC's cache is noticed before a stage reads the file, and can be mended."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.errors import DataError
from lockstep.storage import layout
from lockstep.versioning import experiments
from lockstep.versioning.reproduction import RESTORED, reproduce_stage
from lockstep.versioning.verification import verify_inputs
from tests.support.cached_files import flip_bit
from tests.support.pretended_stages import pretend, reproduce
from tests.support.workspaces import change_params, run

SPEC = Path("data/ready/spec.json")


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    """A copy of a workspace whose stand-ins for stages have run."""
    root = Path(shutil.copytree(recorded, tmp_path / "lockstep", copy_function=shutil.copy2))
    assert reproduce(root) == ["up to date"] * 6  # DVC notes the copies' hashes
    return root


def object_of(root: Path, content: bytes) -> Path:
    """Return the path in DVC's cache of a file with this content."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]


def restore_by_dvc(root: Path) -> None:
    shutil.rmtree(root / "data" / "ready")
    assert run(root, "dvc", "checkout").returncode == 0
    assert "up to date" in run(root, "dvc", "status").stdout  # why it is read again


def test_a_damaged_input_is_refused_and_rebuilt(root: Path) -> None:
    before = (root / SPEC).read_bytes()
    cached = flip_bit(object_of(root, before))
    restore_by_dvc(root)
    assert (root / SPEC).read_bytes() != before
    with pytest.raises(DataError) as caught:
        verify_inputs(root, "train")
    assert str(caught.value).startswith(f"{root / SPEC}: got md5 ")
    assert "`dvc pull` fetches it from a remote, otherwise the same command" in str(caught.value)
    assert not cached.exists()
    assert [each.name for each in (root / layout.DAMAGED).iterdir()] == [
        cached.parent.name + cached.name
    ]
    assert reproduce(root)[1] == "ran"
    assert (root / SPEC).read_bytes() == before
    verify_inputs(root, "train")


def test_a_damaged_output_is_refused_when_it_is_checked_out(root: Path) -> None:
    flip_bit(object_of(root, (root / SPEC).read_bytes()))
    shutil.rmtree(root / "data" / "ready")
    with pytest.raises(DataError, match=r"spec\.json: got md5"):
        experiments.checkout(root)
    assert not (root / SPEC).exists()


@pytest.mark.system
def test_a_damaged_output_is_refused_when_the_run_cache_has_it(root: Path) -> None:
    before = (root / SPEC).read_bytes()
    change_params(root, {"data.validation_split": 0.2})
    assert reproduce(root)[1] == "ran"
    flip_bit(object_of(root, before))
    change_params(root, {"data.validation_split": 0.1})
    with pytest.raises(DataError, match=r"spec\.json: got md5"):
        reproduce_stage(root, "normalize", pretend(root))
    assert reproduce_stage(root, "normalize", pretend(root)) == "ran"
    assert (root / SPEC).read_bytes() == before


@pytest.mark.system
def test_an_undamaged_output_is_restored(root: Path) -> None:
    change_params(root, {"data.validation_split": 0.2})
    reproduce(root)
    change_params(root, {"data.validation_split": 0.1})
    assert reproduce_stage(root, "normalize", pretend(root)) == RESTORED


def test_a_file_is_read_once_but_by_register(root: Path) -> None:
    weights = root / layout.BEST_WEIGHTS
    verify_inputs(root, "register")
    verified = json.loads((root / layout.VERIFIED).read_text())
    stat, content = weights.stat(), bytearray(weights.read_bytes())
    content[-4] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a failing disk does it
    verified[str(weights)][-1] = weights.stat().st_ctime_ns
    (root / layout.VERIFIED).write_text(json.dumps(verified))
    verify_inputs(root, "evaluate")
    with pytest.raises(DataError, match=r"best\.weights\.h5: got md5"):
        verify_inputs(root, "register", again=True)


def test_an_edit_is_left_to_dvc(root: Path) -> None:
    (root / SPEC).write_text("edited")
    verify_inputs(root, "train")
    assert (root / SPEC).read_text() == "edited"


@pytest.mark.system
def test_dvc_repro_ends_with_the_line_and_then_mends_it(
    make_workspace: Callable[..., Path],
) -> None:
    root = make_workspace(name="raw", until="normalize")
    first = run(root, "dvc", "repro")
    assert first.returncode == 0, first.stdout
    locked = (root / layout.LOCK).read_bytes()
    (raw,) = (root / layout.RAW).iterdir()
    flip_bit(object_of(root, raw.read_bytes()))
    shutil.rmtree(root / layout.RAW)
    assert run(root, "dvc", "checkout").returncode == 0
    change_params(root, {"normalize.method": "standard"})
    ended = run(root, "dvc", "repro")
    assert ended.returncode == 255
    assert f"normalize: {raw}: got md5 " in ended.stdout
    assert "Traceback" not in ended.stdout
    change_params(root, {"normalize.method": "unit"})
    again = run(root, "dvc", "repro")
    assert again.returncode == 0, again.stdout
    assert (root / layout.LOCK).read_bytes() == locked
