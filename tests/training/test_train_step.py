"""A model with a custom train_step: it is called, and its logs are in the history."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lockstep.training.history import WriteHistory
from tests.support.loops import SOME, TRAIN, Watch, X, assert_close, weights


@pytest.fixture
def custom_model(tensorflow: Any) -> Callable[..., Callable[[], Any]]:
    """Return a function that wraps `make_logs` into a model whose train_step returns its logs."""
    import keras

    def make(make_logs: Callable[..., dict[str, Any]]) -> Callable[[], Any]:
        class Custom(keras.Model):
            def train_step(self, data: Any) -> Any:
                x, y = data
                with tensorflow.GradientTape() as tape:
                    loss = self.compute_loss(y=y, y_pred=self(x, training=True))
                gradients = tape.gradient(loss, self.trainable_variables)
                self.optimizer.apply(gradients, self.trainable_variables)
                return make_logs(self, x, y, loss)

        def build() -> Any:
            inputs = keras.Input((6,))
            hidden = keras.layers.Dense(5, "relu")(inputs)
            return Custom(inputs, keras.layers.Dense(3, "softmax")(hidden))

        return build

    return make


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_logs_of_the_last_step_are_those_of_the_epoch(
    make_loop: Any, custom_model: Any, tensorflow: Any, replicas: int, tmp_path: Any
) -> None:
    model = custom_model(lambda model, x, y, loss: {"largest": tensorflow.reduce_max(x)})
    loop, watch = make_loop(replicas, model=model), Watch()
    history = WriteHistory(tmp_path / "history.csv")
    loop.fit(TRAIN, SOME, [history, watch], epochs=2)
    for epoch, logs in enumerate(watch.epochs):
        assert set(logs) == {"largest", "val_loss", "val_accuracy"}
        rows = X[loop.order_of(70, epoch)[-1]]
        expected = rows.reshape(replicas, -1).max(1).mean() / 255
        assert logs["largest"] == pytest.approx(expected, abs=1e-6)
    header = (tmp_path / "history.csv").read_text().splitlines()[0]
    assert header == "epoch,largest,val_accuracy,val_loss,learning_rate"


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_custom_train_step_trains_as_keras_does(
    make_loop: Any, custom_model: Any, tensorflow: Any, replicas: int
) -> None:
    model = custom_model(lambda model, x, y, loss: {"loss": loss})
    loop = make_loop(replicas, model=model, parts=lambda: {"metrics": []})
    keras_own = make_loop(1, parts=lambda: {"metrics": []})
    for each in (loop, keras_own):
        each.fit(TRAIN, None, [], steps=11)
    assert_close(weights(loop), weights(keras_own))


def test_logged_metrics_cover_the_epoch_and_all_replicas(make_loop: Any, custom_model: Any) -> None:
    import keras

    def as_in_the_keras_guide(model: Any, x: Any, y: Any, loss: Any) -> dict[str, Any]:
        outputs = model(x)
        for metric in model.metrics:
            metric.update_state(*((loss,) if metric.name == "loss" else (y, outputs)))
        return {metric.name: metric.result() for metric in model.metrics}

    def parts() -> dict[str, Any]:
        # The mean over two halves of the examples differs from the value over all.
        metrics = [keras.metrics.MeanIoU(3, name="iou", sparse_y_pred=False)]
        return {"optimizer": keras.optimizers.SGD(1e-9), "metrics": metrics}

    loop, watch = make_loop(2, 10, model=custom_model(as_in_the_keras_guide), parts=parts), Watch()
    loop.fit(TRAIN, TRAIN, [watch], epochs=1)
    (logs,) = watch.epochs
    assert set(logs) == {"loss", "iou", "val_loss", "val_iou"}
    assert logs["iou"] == pytest.approx(logs["val_iou"], abs=1e-6)


@pytest.mark.system
def test_steps_per_execution_changes_nothing(make_loop: Any, custom_model: Any) -> None:
    model = custom_model(lambda model, x, y, loss: {"loss": loss})
    found = []
    for size in (1, 3, 100):
        loop, watch = make_loop(model=model, steps_per_execution=size), Watch()
        loop.fit(TRAIN, None, [watch], epochs=1)
        found.append((watch.epochs, *weights(loop)))
    for other in found[1:]:
        assert other[0] == found[0][0]
        for mine, theirs in zip(other[1:], found[0][1:], strict=True):
            np.testing.assert_array_equal(mine, theirs)
