"""Where examples lie: on the devices or in files, the same batches either way."""

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
def test_streamed_training_gives_the_bits_of_resident(
    make_loop: Any, mapped: Examples, monkeypatch: pytest.MonkeyPatch, replicas: int, order: str
) -> None:
    from lockstep.training import sources
    from lockstep.training.sources import Resident, Stream

    monkeypatch.setattr(sources, "STREAM_BYTES", 250)  # two or three steps for each call
    found = []
    for source in (Resident, Stream):
        loop, watch = make_loop(replicas, order=order, source=source), Watch()
        some = mapped.at(np.arange(33))
        loop.fit(mapped, some, [watch], epochs=2)
        found.append((weights(loop), watch.epochs, len(watch.batches)))
    (resident, logs, calls), (streamed, theirs, more) = found
    assert_equal(resident, streamed)
    assert logs == theirs
    assert more > calls


@pytest.mark.parametrize("count", [64, 67, 3, 1])
def test_streamed_evaluation_covers_every_example_once(
    make_loop: Any, mapped: Examples, count: int
) -> None:
    from lockstep.training.sources import Resident, Stream

    some = mapped.at(np.arange(count))
    resident, streamed = (make_loop(2, source=each).evaluate(some) for each in (Resident, Stream))
    assert resident == streamed


def test_pages_of_a_file_are_given_back(
    make_loop: Any, mapped: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lockstep.training.sources import Stream

    given: list[int] = []

    class Mapped(mmap.mmap):
        def madvise(self, option: int, *rest: int) -> None:
            given.append(option)

    with Path(str(getattr(mapped.x, "filename", ""))).open("rb") as file:
        again = Mapped(file.fileno(), 0, access=mmap.ACCESS_READ)
    monkeypatch.setattr(mapped.x, "_mmap", again)
    make_loop(source=Stream).fit(mapped, None, [], epochs=1)
    assert given
    assert set(given) == {mmap.MADV_DONTNEED}


@pytest.mark.parametrize(
    ("residency", "size", "kind", "name"),
    [
        ("device", 10**15, "CPU", "Resident"),
        ("stream", 1, "CPU", "Stream"),
        ("auto", 10**6, "CPU", "Resident"),
        ("auto", 10**15, "CPU", "Stream"),
        ("auto", 10**9, "GPU", "Resident"),
        ("auto", 10**10, "GPU", "Stream"),
    ],
)
def test_auto_goes_by_size(
    tensorflow: Any, residency: str, size: int, kind: str, name: str
) -> None:
    from lockstep.training.sources import choose_source

    assert choose_source(residency, [size], 2, kind).__name__ == name


def test_the_source_is_not_read_beyond_its_calls(make_loop: Any) -> None:
    from lockstep.training.sources import Stream

    loop = make_loop(source=Stream)
    loop.fit(TRAIN, None, [], steps=3)
    assert int(loop.model.optimizer.iterations.numpy()) == 3
