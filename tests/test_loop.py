"""The graph loop: every example once, in an order that the seed and epoch alone decide."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from errors import DivergedError, ParamsError
from tasks._spec import Examples

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 255, (70, 6), np.uint8)
Y = RANDOM.integers(0, 3, 70).astype(np.uint8)


@pytest.fixture
def make_loop(tensorflow: Any) -> Callable[..., Any]:
    """Return what makes a loop over a small model, on one or two replicas."""
    import keras

    from tasks import _loop, _runtime

    def make(replicas: int = 1, batch_size: int = 8, seed: int = 0, **arguments: Any) -> Any:
        strategy = _runtime.start(seed, replicas)
        with strategy.scope():
            preprocess = keras.Sequential([keras.Input((6,)), keras.layers.Rescaling(1 / 255)])
            layers = [
                keras.Input((6,)),
                keras.layers.Dense(5, "relu"),
                keras.layers.Dense(3, "softmax"),
            ]
            model = keras.Sequential(layers)
            arguments = {"optimizer": keras.optimizers.Adam(0.01), **arguments}
            model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"], **arguments)
        return _loop.Loop(model, strategy, preprocess, batch_size, seed)

    return make


def weights(loop: Any) -> list[np.ndarray]:
    return [np.array(weight) for weight in loop.model.get_weights()]


def assert_equal(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


class Watch:
    """A callback that keeps what it is told."""

    def __new__(cls) -> Any:
        import keras

        class Watching(keras.callbacks.Callback):
            def __init__(self) -> None:
                super().__init__()
                self.batches: list[int] = []
                self.epochs: list[dict[str, float]] = []

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                self.batches.append(batch)

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                self.epochs.append(dict(logs))

        return Watching()


def test_the_order_is_a_pure_function_of_seed_and_epoch(make_loop: Any) -> None:
    loop, again, other = make_loop(), make_loop(), make_loop(seed=1)
    order = loop.order(70, 3)
    assert order.shape == (8, 8)
    assert len(np.unique(order)) == 64
    np.testing.assert_array_equal(order, again.order(70, 3))
    assert not np.array_equal(order, loop.order(70, 4))
    assert not np.array_equal(order, other.order(70, 3))


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_same_run_twice_gives_the_same_bits(make_loop: Any, replicas: int) -> None:
    first, second = make_loop(replicas), make_loop(replicas)
    for loop in (first, second):
        loop.fit(Examples(X, Y), None, [], epochs=3)
    assert_equal(weights(first), weights(second))


def test_it_trains_as_keras_does_on_the_same_batches(make_loop: Any) -> None:
    ours, theirs = make_loop(), make_loop()
    ours.fit(Examples(X, Y), None, [], epochs=2)
    x = theirs.preprocess(X).numpy()
    for epoch in range(2):
        for batch in theirs.order(len(X), epoch):
            theirs.model.train_on_batch(x[batch], Y[batch])
    for mine, keras_own in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(mine, keras_own, atol=1e-6)


def test_two_replicas_train_as_one(make_loop: Any) -> None:
    one, two = make_loop(1), make_loop(2)
    watches = Watch(), Watch()
    for loop, watch in zip((one, two), watches, strict=True):
        loop.fit(Examples(X, Y), Examples(X[:33], Y[:33]), [watch], epochs=2)
    for mine, theirs in zip(weights(one), weights(two), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    for mine, theirs in zip(*(watch.epochs for watch in watches), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("count", [64, 65, 67, 3, 1])
def test_evaluation_covers_every_example_once(make_loop: Any, replicas: int, count: int) -> None:
    loop = make_loop(replicas)
    found = loop.evaluate(Examples(X[:count], Y[:count]))
    outputs = loop.predict(X[:count])
    assert outputs.shape == (count, 3)
    belief = outputs[np.arange(count), Y[:count]]
    assert found["loss"] == pytest.approx(float(-np.log(belief).mean()), abs=1e-5)
    assert found["accuracy"] == pytest.approx(float((outputs.argmax(1) == Y[:count]).mean()))


def test_callbacks_see_epochs_and_chunks(make_loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks import _loop

    monkeypatch.setattr(_loop, "STEPS_PER_CALL", 3)
    watch = Watch()
    make_loop().fit(Examples(X, Y), Examples(X[:9], Y[:9]), [watch], epochs=2)
    assert watch.batches == [2, 5, 7] * 2
    assert [set(logs) for logs in watch.epochs] == [
        {"loss", "accuracy", "val_loss", "val_accuracy"}
    ] * 2


def test_the_size_of_chunks_does_not_change_the_bits(
    make_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import _loop

    whole, pieces = make_loop(), make_loop()
    whole.fit(Examples(X, Y), None, [], epochs=2)
    monkeypatch.setattr(_loop, "STEPS_PER_CALL", 1)
    pieces.fit(Examples(X, Y), None, [], epochs=2)
    assert_equal(weights(whole), weights(pieces))


def test_steps_end_in_the_middle_of_an_epoch(make_loop: Any) -> None:
    loop, watch = make_loop(), Watch()
    loop.fit(Examples(X, Y), None, [watch], steps=11)
    assert watch.batches == [7, 2]
    assert int(loop.model.optimizer.iterations.numpy()) == 11


def test_a_callback_can_stop_training(make_loop: Any) -> None:
    import keras

    watch = Watch()
    stop = keras.callbacks.EarlyStopping("loss", mode="max", patience=1)
    make_loop().fit(Examples(X, Y), None, [watch, stop], epochs=50)
    assert len(watch.epochs) < 50


def test_a_batch_larger_than_the_data_is_bad_parameters(make_loop: Any) -> None:
    with pytest.raises(ParamsError, match=r"train\.batch_size: got 71, expected at most the 70"):
        make_loop(batch_size=71).fit(Examples(X, Y), None, [], epochs=1)


def test_a_loss_that_is_not_finite_ends_training(make_loop: Any) -> None:
    import keras

    loop = make_loop(optimizer=keras.optimizers.SGD(1e38))
    with pytest.raises(DivergedError, match="the loss became nan in epoch 1 between steps 1 and 8"):
        loop.fit(Examples(X, Y), None, [], epochs=5)
