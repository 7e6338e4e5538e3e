"""Resuming gives the same bits, and needs each piece of the saved state."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.errors import ParamsError
from lockstep.storage import atomic_files
from lockstep.training import callback_state, snapshots
from tests.support.loops import TRAIN
from tests.support.trainings import CUT, EPOCHS, Cut, Training


@pytest.fixture(scope="module")
def golden(tensorflow: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """The digests of undisturbed trainings, by number of replicas."""
    return {}


@pytest.fixture
def undisturbed(
    make_loop: Callable[..., Any], tmp_path: Path, golden: dict[int, str]
) -> Callable[[int], str]:
    def of(replicas: int) -> str:
        if replicas not in golden:
            whole = Training(make_loop, tmp_path / "whole", replicas)
            whole.start()
            golden[replicas] = whole.run()
        return golden[replicas]

    return of


@pytest.fixture
def training(make_loop: Callable[..., Any], tmp_path: Path) -> Training:
    """A training that was interrupted half-way and is created again."""
    found = Training(make_loop, tmp_path / "cut")
    found.cut_off()
    return found


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_resumed_training_gives_the_bits_of_an_undisturbed_one(
    make_loop: Any, tmp_path: Path, undisturbed: Callable[[int], str], replicas: int
) -> None:
    cut = Training(make_loop, tmp_path / "cut", replicas)
    cut.cut_off()
    cut.start()
    assert cut.run() == undisturbed(replicas)


def test_the_test_training_uses_all_of_the_state(
    undisturbed: Callable[[int], str], training: Training
) -> None:
    """The learning rate falls before and after the cut, and training stops early."""
    training.start()
    training.run()
    rows = (training.folder / "history.csv").read_text().splitlines()
    rates = [row.rpartition(",")[2] for row in rows[1:]]
    assert len(set(rates[:CUT])) > 1
    assert len(set(rates[CUT - 1 :])) > 1


def test_callbacks_draw_the_same_random_numbers_in_a_resumed_training(
    make_loop: Any, tmp_path: Path
) -> None:
    from keras.callbacks import LambdaCallback

    def started(folder: str) -> Training:
        found = Training(make_loop, tmp_path / folder)
        found.start()
        found.callbacks.insert(0, LambdaCallback(on_epoch_end=draw))
        return found

    def draw(epoch: int, logs: Any) -> None:
        logs |= {"numpy": np.random.uniform(), "python": random.random()}

    whole = started("whole").run()
    with pytest.raises(Cut):
        started("cut").run(CUT)
    assert started("cut").run() == whole
    rows = (tmp_path / "whole" / "history.csv").read_text().splitlines()
    drawn = [tuple(row.split(",")[-3:]) for row in rows]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.Philox, np.random.MT19937])
def test_generators_and_counts_of_a_callback_are_restored(bits: Any) -> None:
    from keras.callbacks import Callback

    class Counts(Callback):
        def __init__(self) -> None:
            super().__init__()
            self.rng, self.seen = np.random.Generator(bits(0)), {0: 1}

    callback, resumed = Counts(), Counts()
    initial = callback_state.of(callback)
    assert callback_state.changed(callback, initial, 0) == ({}, {})
    callback.rng.normal(size=7)
    callback.seen[1] = 2
    state, arrays = callback_state.changed(callback, initial, 0)
    callback_state.restore(resumed, json.loads(json.dumps(state)), arrays)
    assert resumed.seen == {0: 1, 1: 2}
    assert resumed.rng.normal() == callback.rng.normal()


@pytest.mark.parametrize(
    ("path", "which"),
    [
        ("dense/kernel", 0),
        ("batch_normalization/moving_variance", 0),
        ("batch_normalization/gamma", 0),
        ("seed_generator_state", 0),  # of dropout
        ("seed_generator_state", -1),  # of the noise layer
        ("dense_kernel_momentum", 0),
        ("dense_kernel_velocity", 0),
        ("iteration", 0),
        ("learning_rate", 0),
    ],
)
def test_a_variable_that_is_lost_changes_the_bits(
    undisturbed: Callable[[int], str], training: Training, path: str, which: int
) -> None:
    expected = undisturbed(1)
    training.start()
    training.loop.steps.build(TRAIN)
    snapshot, variables = training.resume.snapshot, training.loop.steps.variables
    assert snapshot
    paths = snapshot.metadata["paths"]
    number = [index for index, each in enumerate(paths) if each.endswith(path)][which]
    snapshot.arrays[f"{number:05d}"] = np.asarray(variables[number].numpy())[None]
    assert training.run() != expected


@pytest.mark.parametrize("kind", ["WriteHistory", "KeepBest", "ReduceLROnPlateau", "CSVLogger"])
def test_a_callback_state_that_is_lost_changes_the_result(
    undisturbed: Callable[[int], str], training: Training, kind: str
) -> None:
    expected = undisturbed(1)
    if kind == "CSVLogger":  # its file has grown since the snapshot
        shutil.rmtree(training.snapshots / f"{CUT:06d}")
    training.start()
    kinds = [type(each).__name__ for each in training.callbacks]
    assert training.resume.snapshot
    training.resume.snapshot.metadata["callbacks"][kinds.index(kind)] = {}
    if kind == "CSVLogger":
        del training.resume.snapshot.files["log-4.csv"]
    assert training.run() != expected


def test_early_stopping_keeps_its_patience_count(make_loop: Any, tmp_path: Path) -> None:
    import keras

    def stopping() -> Any:
        return keras.callbacks.EarlyStopping("loss", mode="max", patience=CUT + 1)

    def epochs(training: Training) -> int:
        return len((training.folder / "history.csv").read_text().splitlines()) - 1

    one, two = Training(make_loop, tmp_path / "one"), Training(make_loop, tmp_path / "two")
    one.start()
    one.callbacks[3] = stopping()
    one.run()
    for cut in (CUT, EPOCHS):
        two.start()
        two.callbacks[3] = stopping()
        if cut == CUT:
            with pytest.raises(Cut):
                two.run(cut)
        else:
            two.run()
    assert epochs(one) == epochs(two) < EPOCHS


def test_a_training_that_had_stopped_does_not_continue(
    undisturbed: Callable[[int], str], make_loop: Any, tmp_path: Path
) -> None:
    whole = Training(make_loop, tmp_path / "whole")
    whole.start()
    first = whole.run()
    whole.start()
    steps = int(whole.loop.model.optimizer.iterations.numpy())
    assert whole.run() == first
    assert steps == 0


def tear(directory: Path) -> None:
    arrays = directory / "arrays.h5"
    arrays.write_bytes(arrays.read_bytes()[:-10])


def flip(directory: Path) -> None:
    arrays = bytearray((directory / "arrays.h5").read_bytes())
    arrays[len(arrays) // 2] ^= 1
    (directory / "arrays.h5").write_bytes(arrays)


def empty_manifest(directory: Path) -> None:
    (directory / "manifest.json").write_text("")


def odd_manifest(directory: Path) -> None:
    (directory / "manifest.json").write_text("[]")


def no_facts(directory: Path) -> None:
    (directory / "facts.json").unlink()


def foreign(directory: Path) -> None:
    manifest = atomic_files.read_json(directory / "manifest.json")
    (directory / "manifest.json").write_text(json.dumps(manifest | {"key": "other"}))


FAULTS = [tear, flip, empty_manifest, odd_manifest, no_facts, foreign]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_invalid_snapshot_is_set_aside_for_the_previous_one(
    undisturbed: Callable[[int], str],
    training: Training,
    fault: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected = undisturbed(1)
    fault(training.snapshots / f"{CUT:06d}")
    training.start()
    assert training.resume.snapshot
    assert training.resume.snapshot.epoch == CUT - 1
    assert training.run() == expected
    said = capsys.readouterr().err
    assert f"snapshot of epoch {CUT}: " in said
    assert (training.snapshots / "set-aside" / f"{CUT:06d}").is_dir()


def test_without_a_valid_snapshot_training_starts_over(
    undisturbed: Callable[[int], str], training: Training
) -> None:
    expected = undisturbed(1)
    for epoch in (CUT - 1, CUT):
        tear(training.snapshots / f"{epoch:06d}")
    training.start()
    assert training.resume.snapshot is None
    assert training.run() == expected


def test_a_half_written_snapshot_is_ignored(training: Training) -> None:
    directory = training.snapshots / f"{CUT:06d}"
    shutil.copytree(directory, training.snapshots / f".part-{CUT + 1:06d}")
    training.start()
    assert training.resume.snapshot
    assert training.resume.snapshot.epoch == CUT


def test_other_files_beside_a_snapshots_own_are_ignored(
    training: Training, undisturbed: Callable[[int], str]
) -> None:
    newest = training.snapshots / f"{CUT:06d}"
    (newest / ".DS_Store").write_text("left by a file browser")
    (newest / "copy of notes.txt").write_text("mine")
    (training.snapshots / "999999").write_text("a file, no snapshot")
    training.start()
    assert training.run() == undisturbed(1)


def test_two_snapshots_are_kept(training: Training) -> None:
    kept = sorted(each.name for each in training.snapshots.iterdir())
    assert kept == [f"{CUT - 1:06d}", f"{CUT:06d}"]


def test_another_optimizer_is_an_error(training: Training) -> None:
    training.start("SGD")
    with pytest.raises(ParamsError, match="other variables than this model and optimizer"):
        training.run()


def test_snapshots_are_written_at_their_interval(make_loop: Any, tmp_path: Path) -> None:
    rare = Training(make_loop, tmp_path / "rare")
    rare.start()
    rare.resume.seconds = 3600
    rare.run()
    assert not rare.snapshots.exists()


def test_snapshots_are_removed_when_dvc_has_the_result(tmp_path: Path) -> None:
    with (
        snapshots.directory(tmp_path, "a" * 64) as mine,
        snapshots.directory(tmp_path, "b" * 64) as others,
    ):
        assert mine
        assert others
        snapshots.mark_finished(mine, tmp_path)
        snapshots.mark_finished(others, tmp_path / "elsewhere")
        snapshots.remove_finished(tmp_path)
        assert not mine.exists()
        assert others.exists()


def test_only_one_process_at_a_time_writes_snapshots_of_a_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "LOCK_TIMEOUT_SECONDS", 0)
    with (
        snapshots.directory(tmp_path, "a" * 64) as mine,
        snapshots.directory(tmp_path, "a" * 64) as second,
    ):
        assert mine
        assert second is None
    assert "another process is running the same training" in capsys.readouterr().err
