"""The last batch of an epoch, smaller than the others: trained as by Keras, or left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples
from lockstep.errors import ParamsError
from lockstep.training.sources import DeviceSource, DiskSource
from tests.support.loops import (
    TRAIN,
    WEIGHTS,
    Watch,
    X,
    Y,
    assert_close,
    assert_equal,
    dense,
    weights,
)

pytestmark = pytest.mark.system


def keep(make_loop: Any, replicas: int = 1, **arguments: Any) -> Any:
    return make_loop(replicas, last_batch="keep", **arguments)


def train_with_keras(loop: Any, epochs: int, examples: Examples = TRAIN) -> list[float]:
    """Train with Keras's own train_on_batch on the same batches; return each epoch's mean loss."""
    x, losses = loop.steps.preprocess(examples.x).numpy(), []
    for epoch in range(epochs):
        total = 0.0
        for order in loop.batches_of(examples.size, epoch):
            for rows in order:
                loss = loop.model.train_on_batch(x[rows], examples.y[rows])[0]
                total += loss * len(rows)
        losses.append(total / examples.size)
    return losses


@pytest.mark.parametrize("order", ["shuffle", "sequential"])
def test_an_epoch_trains_each_example_once_as_keras_does(make_loop: Any, order: str) -> None:
    ours, theirs, watch = keep(make_loop, order=order), keep(make_loop, order=order), Watch()
    ours.fit(TRAIN, None, [watch], epochs=2)
    losses = train_with_keras(theirs, 2)
    assert_close(weights(ours), weights(theirs), 1e-6)
    assert [each["loss"] for each in watch.epochs] == pytest.approx(losses, abs=1e-6)
    batches = ours.batches_of(70, 1)
    assert [each.shape for each in batches] == [(8, 8), (1, 6)]
    assert sorted(np.concatenate([each.ravel() for each in batches])) == list(range(70))


def test_the_whole_batches_are_those_without_the_last(make_loop: Any) -> None:
    loop = keep(make_loop)
    np.testing.assert_array_equal(loop.batches_of(70, 3)[0], loop.order_of(70, 3))


@pytest.mark.parametrize("size", [67, 65])  # the last batch has 3 examples, or 1
@pytest.mark.parametrize("source", [DeviceSource, DiskSource])
@pytest.mark.parametrize("order", ["shuffle", "sequential"])
def test_replicas_with_uneven_shares_average_as_one_does(
    make_loop: Any, size: int, source: Any, order: str
) -> None:
    examples, found = Examples(X[:size], Y[:size], WEIGHTS[:size]), []
    for replicas in (1, 2):
        loop, watch = keep(make_loop, replicas, source=source, order=order), Watch()
        loop.fit(examples, None, [watch], epochs=2)
        found.append((weights(loop), watch.epochs[1]))
    assert_close(found[0][0], found[1][0])
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-5)


def test_a_penalty_on_weights_counts_once_on_uneven_shares(make_loop: Any) -> None:
    import keras

    def penalized() -> Any:
        return dense(kernel_regularizer=keras.regularizers.L2(0.1))

    loops = [keep(make_loop, each, model=penalized) for each in (1, 2)]
    for loop in loops:
        loop.fit(Examples(X[:65], Y[:65]), None, [], epochs=2)
    assert_close(*map(weights, loops))


def test_data_on_disk_give_the_same_bits(make_loop: Any) -> None:
    loops = [keep(make_loop, source=each) for each in (DeviceSource, DiskSource)]
    for loop in loops:
        loop.fit(TRAIN, None, [], epochs=2)
    assert_equal(*map(weights, loops))


def test_a_batch_larger_than_the_data_is_one_step(make_loop: Any) -> None:
    loop, watch = keep(make_loop, batch_size=100), Watch()
    loop.fit(TRAIN, None, [watch], epochs=3)
    assert watch.batches == [0, 0, 0]
    assert int(loop.model.optimizer.iterations.numpy()) == 3


def test_steps_count_the_last_batch(make_loop: Any) -> None:
    loop, watch = keep(make_loop), Watch()
    loop.fit(TRAIN, None, [watch], steps=10)
    assert watch.batches == [7, 8, 0]
    assert int(loop.model.optimizer.iterations.numpy()) == 10


def test_drawn_with_replacement_all_batches_are_whole(make_loop: Any) -> None:
    loop = keep(make_loop, order="replacement")
    assert [each.shape for each in loop.batches_of(70, 0)] == [(8, 8)]
    assert [each.shape for each in loop.batches_of(5, 0)] == [(1, 8)]


def test_it_is_dropped_only_if_a_whole_batch_is_left(make_loop: Any) -> None:
    with pytest.raises(ParamsError, match=r"^train\.batch_size: got 100, expected at most the 70 "):
        make_loop(batch_size=100).fit(TRAIN, None, [], epochs=1)


def test_an_own_train_step_cannot_weight_uneven_shares(make_loop: Any) -> None:
    import keras

    class Own(keras.Sequential):
        def train_step(self, data: Any) -> Any:
            return super().train_step(data)

    def own() -> Any:
        return Own(dense().layers)

    keep(make_loop, 2, model=own).fit(TRAIN, None, [], epochs=1)  # 6 are shared evenly
    keep(make_loop, 1, model=own).fit(Examples(X[:67], Y[:67]), None, [], epochs=1)
    with pytest.raises(ParamsError, match=r"^train\.last_batch: got keep, but the last 3 examples"):
        keep(make_loop, 2, model=own).fit(Examples(X[:67], Y[:67]), None, [], epochs=1)


def test_the_losses_of_all_steps_are_those_that_keras_computes(
    make_loop: Any, tmp_path: Path
) -> None:
    found: list[tuple[int, int, int]] = []
    losses: list[float] = []

    def collect(epoch: int, step: int, named: dict[str, np.ndarray]) -> None:
        found.append((epoch, step, len(named["loss"])))
        losses.extend(named["loss"])

    keep(make_loop, on_losses=collect, steps_per_execution=5).fit(TRAIN, None, [], epochs=2)
    assert found == [(0, 0, 5), (0, 5, 3), (0, 8, 1), (1, 0, 5), (1, 5, 3), (1, 8, 1)]
    loop, expected = keep(make_loop), []
    x = loop.steps.preprocess(TRAIN.x).numpy()
    for epoch in range(2):
        for order in loop.batches_of(70, epoch):
            for rows in order:
                loop.model.reset_metrics()
                expected.append(loop.model.train_on_batch(x[rows], Y[rows])[0])
    assert losses == pytest.approx(expected, abs=1e-6)


def test_replicas_add_up_the_loss_of_a_step(make_loop: Any) -> None:
    found: list[list[float]] = []
    for replicas in (1, 2):
        losses: list[float] = []
        loop = keep(make_loop, replicas, on_losses=lambda *a, to=losses: to.extend(a[2]["loss"]))
        loop.fit(Examples(X[:67], Y[:67]), None, [], epochs=1)
        found.append(losses)
    assert found[0] == pytest.approx(found[1], abs=1e-5)
