"""Examples on the device or on disk give the same batches."""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples
from tests.support.loops import TRAIN, WEIGHTS, Watch, X, Y, assert_equal, weights


@pytest.fixture
def mapped(tmp_path: Path) -> Examples:
    """The examples in files, as the train stage reads them."""
    arrays = []
    for name, array in zip("xyw", (X, Y, WEIGHTS), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
        arrays.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    return Examples(*arrays)


@pytest.mark.parametrize("order", ["shuffle", "sequential", "replacement"])
@pytest.mark.parametrize("replicas", [1, 2])
def test_training_from_disk_gives_the_bits_of_training_from_device(
    make_loop: Any, mapped: Examples, monkeypatch: pytest.MonkeyPatch, replicas: int, order: str
) -> None:
    from lockstep.training import sources
    from lockstep.training.sources import DeviceSource, DiskSource

    monkeypatch.setattr(sources, "STREAM_BYTES", 250)  # two or three steps for each call
    found = []
    for source in (DeviceSource, DiskSource):
        loop, watch = make_loop(replicas, order=order, source=source), Watch()
        some = mapped.at(np.arange(33))
        loop.fit(mapped, some, [watch], epochs=2)
        found.append((weights(loop), watch.epochs, len(watch.batches)))
    (resident, logs, calls), (streamed, theirs, more) = found
    assert_equal(resident, streamed)
    assert logs == theirs
    assert more > calls


@pytest.mark.parametrize("count", [64, 67, 3, 1])
def test_evaluation_from_disk_covers_every_example_once(
    make_loop: Any, mapped: Examples, count: int
) -> None:
    from lockstep.training.sources import DeviceSource, DiskSource

    some = mapped.at(np.arange(count))
    resident, streamed = (
        make_loop(2, source=each).evaluate(some) for each in (DeviceSource, DiskSource)
    )
    assert resident == streamed


def test_pages_of_a_file_are_released(
    make_loop: Any, mapped: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lockstep.training.sources import DiskSource

    given: list[int] = []

    class Mapped(mmap.mmap):
        def madvise(self, option: int, *rest: int) -> None:
            given.append(option)

    with Path(str(getattr(mapped.x, "filename", ""))).open("rb") as file:
        again = Mapped(file.fileno(), 0, access=mmap.ACCESS_READ)
    monkeypatch.setattr(mapped.x, "_mmap", again)
    make_loop(source=DiskSource).fit(mapped, None, [], epochs=1)
    assert given
    assert set(given) == {mmap.MADV_DONTNEED}


@pytest.mark.parametrize(
    ("data_placement", "size", "kind", "name"),
    [
        ("device", 10**15, "CPU", "DeviceSource"),
        ("disk", 1, "CPU", "DiskSource"),
        ("auto", 10**6, "CPU", "DeviceSource"),
        ("auto", 10**15, "CPU", "DiskSource"),
    ],
)
def test_auto_chooses_by_size(
    tensorflow: Any, data_placement: str, size: int, kind: str, name: str
) -> None:
    from lockstep.training.sources import choose_source

    assert choose_source(data_placement, size, 2, kind, 0).__name__ == name


def test_the_source_is_not_read_beyond_its_calls(make_loop: Any) -> None:
    from lockstep.training.sources import DiskSource

    loop = make_loop(source=DiskSource)
    loop.fit(TRAIN, None, [], steps=3)
    assert int(loop.model.optimizer.iterations.numpy()) == 3


@pytest.mark.parametrize("order", ["shuffle", "sequential"])
def test_a_replica_has_only_its_share_where_the_order_is_fixed(make_loop: Any, order: str) -> None:
    held = {}
    for replicas in (1, 2):
        loop = make_loop(replicas, order=order)
        loop.steps.build(TRAIN)
        fixed = [loop.order_of(TRAIN.size, 0)] if order == "sequential" else []
        source = loop.source(loop.steps.strategy, TRAIN, fixed)
        held[replicas] = len(loop.steps.strategy.experimental_local_results(source.data[0])[0])
    rows = (TRAIN.size // 8) * 8
    assert held == {1: 70, 2: rows // 2 if order == "sequential" else 70}
    loop = make_loop(2)
    source = loop._test_source(Examples(X[:33], Y[:33]))
    parts = loop.steps.strategy.experimental_local_results(source.data[0])
    assert [len(part) for part in parts] == [16, 17]
