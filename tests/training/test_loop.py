"""The graph loop: every example once per epoch, in an order given by seed and epoch only."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from lockstep.data.spec import Examples
from lockstep.errors import ParamsError
from tests.support.loops import (
    SOME,
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


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_same_run_twice_gives_the_same_bits(make_loop: Any, replicas: int) -> None:
    first, second = make_loop(replicas), make_loop(replicas)
    for loop in (first, second):
        loop.fit(TRAIN, None, [], epochs=3)
    assert_equal(weights(first), weights(second))


@pytest.mark.parametrize("order", ["shuffle", "sequential", "replacement"])
def test_it_trains_as_keras_does_on_the_same_batches(make_loop: Any, order: str) -> None:
    ours, theirs = make_loop(order=order), make_loop(order=order)
    ours.fit(TRAIN, None, [], epochs=2)
    x = theirs.steps.preprocess(X).numpy()
    for epoch in range(2):
        for batch in theirs.order_of(len(X), epoch):
            theirs.model.train_on_batch(x[batch], Y[batch])
    assert_close(weights(ours), weights(theirs), 1e-6)


@pytest.mark.parametrize("order", ["shuffle", "sequential", "replacement"])
def test_the_order_is_a_pure_function_of_seed_and_epoch(make_loop: Any, order: str) -> None:
    loop, again, other = make_loop(order=order), make_loop(order=order), make_loop(1, 8, 1)
    found = loop.order_of(70, 3)
    assert found.shape == (8, 8)
    np.testing.assert_array_equal(found, again.order_of(70, 3))
    assert np.array_equal(found, loop.order_of(70, 4)) == (order == "sequential")
    assert not np.array_equal(found, other.order_of(70, 3))


def test_only_replacement_repeats_an_example(make_loop: Any) -> None:
    count = {
        order: len(np.unique(make_loop(order=order).order_of(70, 0)))
        for order in ("shuffle", "sequential", "replacement")
    }
    assert (count["shuffle"], count["sequential"]) == (64, 64)
    assert 30 < count["replacement"] < 55  # 70 * (1 - 1 / e) = 44
    np.testing.assert_array_equal(make_loop(order="sequential").order_of(9, 5), [range(8)])


@pytest.mark.parametrize("order", ["shuffle", "sequential", "replacement"])
def test_a_dropped_partial_batch_is_reported(
    make_loop: Any, order: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_loop(order=order).fit(TRAIN, None, [], steps=1)
    line = "each epoch leaves out 6 of the 70 examples, which don't fill a batch of 8"
    assert (line in capsys.readouterr().err) == (order != "replacement")
    make_loop(batch_size=7, order=order).fit(TRAIN, None, [], steps=1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("count", [64, 65, 67, 3, 1])
def test_evaluation_covers_every_example_once(make_loop: Any, replicas: int, count: int) -> None:
    loop = make_loop(replicas)
    found = loop.evaluate(Examples(X[:count], Y[:count]))
    outputs = loop.predict(Examples(X[:count], Y[:count]))["y"]
    assert outputs.shape == (count, 3)
    belief = outputs[np.arange(count), Y[:count]]
    assert found["loss"] == pytest.approx(float(-np.log(belief).mean()), abs=1e-5)
    assert found["accuracy"] == pytest.approx(float((outputs.argmax(1) == Y[:count]).mean()))


@pytest.mark.parametrize("replicas", [1, 2])
def test_evaluation_weighs_the_loss_and_no_metric(make_loop: Any, replicas: int) -> None:
    loop = make_loop(replicas)
    found = loop.evaluate(Examples(X[:67], Y[:67], WEIGHTS[:67]))
    outputs = loop.predict(Examples(X[:67], Y[:67]))["y"]
    losses = -np.log(outputs[np.arange(67), Y[:67]]) * WEIGHTS[:67]
    assert found["loss"] == pytest.approx(float(losses.mean()), abs=1e-5)
    assert found["accuracy"] == pytest.approx(float((outputs.argmax(1) == Y[:67]).mean()))


def test_evaluation_counts_a_penalty_on_weights_once(make_loop: Any) -> None:
    import keras

    penalized = make_loop(2, model=lambda: dense(kernel_regularizer=keras.regularizers.L2(0.1)))
    penalty = 0.1 * float((weights(penalized)[0] ** 2).sum())
    expected = make_loop().evaluate(Examples(X[:67], Y[:67]))["loss"] + penalty
    found = penalized.evaluate(Examples(X[:67], Y[:67]))["loss"]
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_metric_of_each_class_becomes_one_number_for_each(make_loop: Any, replicas: int) -> None:
    import keras

    class F1(keras.metrics.F1Score):
        """Keras's F1Score, for integer labels."""

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            labels = keras.ops.one_hot(keras.ops.reshape(y_true, [-1]), 3)
            super().update_state(labels, y_pred, sample_weight)

    loop, watch = make_loop(replicas, parts=lambda: {"metrics": [F1()]}), Watch()
    loop.fit(TRAIN, SOME, [watch], epochs=1)
    expected = f1_score(SOME.y, loop.predict(SOME)["y"].argmax(1), average=None)
    found = [watch.epochs[0][f"val_f1_score_{each}"] for each in range(3)]
    assert found == pytest.approx(expected, abs=1e-5)


def test_callbacks_see_epochs_and_calls(make_loop: Any) -> None:
    watch = Watch()
    make_loop(steps_per_execution=3).fit(TRAIN, SOME, [watch], epochs=2)
    assert watch.batches == [2, 5, 7] * 2
    assert [set(logs) for logs in watch.epochs] == [
        {"loss", "accuracy", "val_loss", "val_accuracy"}
    ] * 2


def test_steps_per_execution_does_not_change_the_bits(make_loop: Any) -> None:
    whole, pieces = make_loop(), make_loop(steps_per_execution=3)
    whole.fit(TRAIN, None, [], epochs=2)
    pieces.fit(TRAIN, None, [], epochs=2)
    assert_equal(weights(whole), weights(pieces))


def test_steps_end_in_the_middle_of_an_epoch(make_loop: Any) -> None:
    loop, watch = make_loop(), Watch()
    loop.fit(TRAIN, None, [watch], steps=11)
    assert watch.batches == [7, 2]
    assert int(loop.model.optimizer.iterations.numpy()) == 11


def test_a_callback_can_stop_training_after_an_epoch(make_loop: Any) -> None:
    import keras

    watch = Watch()
    stop = keras.callbacks.EarlyStopping("loss", mode="max", patience=1)
    make_loop().fit(TRAIN, None, [watch, stop], epochs=50)
    assert len(watch.epochs) < 50


def test_a_callback_can_stop_training_after_a_call(make_loop: Any) -> None:
    import keras

    loop, watch = make_loop(steps_per_execution=3), Watch()
    stop = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: setattr(loop.model, "stop_training", batch == 5)
    )
    loop.fit(TRAIN, SOME, [watch, stop], epochs=50)
    assert watch.batches == [2, 5]
    assert "val_loss" in watch.epochs[0]


def test_a_batch_larger_than_the_data_is_bad_parameters(make_loop: Any) -> None:
    with pytest.raises(ParamsError, match=r"train\.batch_size: got 71, expected at most the 70"):
        make_loop(batch_size=71).fit(TRAIN, None, [], epochs=1)
