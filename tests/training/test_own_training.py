"""Models that own their training: two optimizers, added losses, teachers; exact when resumed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples
from lockstep.errors import ParamsError
from tests.support.loops import TRAIN, X, assert_close, assert_equal, dense, weights

pytestmark = pytest.mark.system

PICTURES = Examples(X, {})
NO_TARGETS: dict[str, Any] = {"loss": None, "metrics": []}


def gan() -> Any:
    """A generator of rows and a discriminator, each with its own optimizer."""
    import keras
    import tensorflow as tf

    class Gan(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)])
            hidden = keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.2)
            self.judge = keras.Sequential([keras.Input((6,)), *hidden, keras.layers.Dense(1)])
            self.optimizers = {"g": keras.optimizers.Adam(0.01), "d": keras.optimizers.SGD(0.1)}
            self.seeds = keras.random.SeedGenerator(1)
            self.built = True

        def call(self, x: Any) -> Any:
            return self.judge(x)

        def train_step(self, real: Any) -> Any:
            noise = keras.random.normal((tf.shape(real)[0], 2), seed=self.seeds)
            loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
            with tf.GradientTape(persistent=True) as tape:
                made = self.generator(noise)
                found, wrong = self.judge(real, training=True), self.judge(made, training=True)
                d_loss = loss_of(tf.ones_like(found), found) + loss_of(tf.zeros_like(wrong), wrong)
                g_loss = loss_of(tf.ones_like(wrong), wrong)
            for name, loss, part in (("d", d_loss, self.judge), ("g", g_loss, self.generator)):
                variables = part.trainable_weights
                gradients = tape.gradient(loss, variables)
                self.optimizers[name].apply_gradients(zip(gradients, variables, strict=True))
            return {"d_loss": d_loss, "g_loss": g_loss}

    return Gan()


def teacher() -> Any:
    """A student, and a teacher whose weights are the moving mean of the student's."""
    import keras

    class Student(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.student, self.teacher = keras.layers.Dense(3), keras.layers.Dense(3)
            self.student.build((None, 6))
            self.teacher.build((None, 6))
            self.teacher.trainable = False
            self.built = True

        def call(self, x: Any, training: bool = False) -> Any:
            self.add_loss(1e-3 * keras.ops.mean(self.student(x) ** 2))
            return keras.ops.softmax(self.student(x) + 0.1 * self.teacher(x))

        def train_step(self, data: Any) -> Any:
            logs = super().train_step(data)
            pairs = zip(self.teacher.weights, self.student.weights, strict=True)
            for mean, weight in pairs:
                mean.assign(0.9 * mean + 0.1 * weight)
            return logs

    return Student()


def added_loss() -> Any:
    """A stock train_step, with compute_loss and compute_metrics of its own."""
    import keras

    class Own(keras.Sequential):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            return 2 * super().compute_loss(*args, **kwargs)

        def compute_metrics(self, *args: Any, **kwargs: Any) -> Any:
            return {**super().compute_metrics(*args, **kwargs), "one": keras.ops.ones(())}

    return Own([*dense().layers])


MODELS = {"gan": (gan, PICTURES), "teacher": (teacher, TRAIN), "loss": (added_loss, TRAIN)}


def resumed(make_loop: Any, folder: Path, name: str, replicas: int, cut: int = 0) -> Any:
    """Train three epochs, from scratch or first to the epoch `cut`, and return the loop."""
    from lockstep.training.resume import Resume

    model, examples = MODELS[name]
    parts = NO_TARGETS if name == "gan" else {}
    for end in (cut, 3) if cut else (3,):
        loop = make_loop(replicas, model=model, parts=lambda: parts, last_batch="drop")
        resume = Resume(
            loop.steps, loop.collectives, [], folder=folder, key="k", seconds=0, files={}
        )
        loop.fit(examples, None, [], epochs=end, resume=resume)
    return loop


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("name", list(MODELS))
def test_a_resumed_training_ends_in_the_same_bits(
    make_loop: Any, tmp_path: Path, name: str, replicas: int
) -> None:
    whole = resumed(make_loop, tmp_path / "whole", name, replicas)
    cut = resumed(make_loop, tmp_path / "cut", name, replicas, cut=2)
    assert_equal(weights(whole), weights(cut))
    optimizers = [[np.array(v) for v in each.steps.variables] for each in (whole, cut)]
    assert_equal(*optimizers)


def test_the_optimizers_of_a_model_update_the_weights_that_it_says(
    make_loop: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = resumed(make_loop, tmp_path, "gan", 1)
    model = loop.model
    assert {len(each.variables) for each in model.optimizers.values()} == {2 + 2 * 2, 2}
    assert [int(each.iterations.numpy()) for each in model.optimizers.values()] == [24, 24]
    assert int(model.optimizer.iterations.numpy()) == 0
    said = "the model's train_step uses its own optimizers: train.optimizer and"
    assert said in capsys.readouterr().err


def test_the_losses_of_each_step_are_those_in_the_logs(make_loop: Any) -> None:
    found: dict[str, list[float]] = {"d_loss": [], "g_loss": []}

    def collect(epoch: int, start: int, losses: dict[str, np.ndarray]) -> None:
        for name, each in losses.items():
            found[name] += each.tolist()

    loop = make_loop(model=gan, parts=lambda: NO_TARGETS, on_losses=collect)
    loop.fit(PICTURES, None, [], epochs=2)
    assert {name: len(each) for name, each in found.items()} == {"d_loss": 16, "g_loss": 16}


def test_a_teacher_follows_its_student(make_loop: Any, tmp_path: Path) -> None:
    loop = resumed(make_loop, tmp_path, "teacher", 1)
    start = make_loop(model=teacher)
    moved = [np.abs(a - b).max() for a, b in zip(weights(loop), weights(start), strict=True)]
    assert min(moved) > 0


def test_an_own_loss_trains_as_keras_does(make_loop: Any, tmp_path: Path) -> None:
    ours = resumed(make_loop, tmp_path, "loss", 1)
    theirs = make_loop(model=added_loss)
    x = theirs.steps.preprocess(X).numpy()
    for epoch in range(3):
        for rows in theirs.order_of(70, epoch):
            theirs.model.train_on_batch(x[rows], TRAIN.y[rows])
    assert_close(weights(ours), weights(theirs), 1e-6)


def layer_that(call: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    """A model with a layer `odd`, whose call gets the layer and its inputs."""

    def build() -> Any:
        import keras

        class Odd(keras.layers.Layer):
            def call(self, x: Any, training: bool = False) -> Any:
                return call(self, x) if training else x

        return dense(Odd(name="odd"))

    return build


def _table_insert(layer: Any, x: Any) -> Any:
    import tensorflow as tf

    if not hasattr(_table_insert, "table"):
        with tf.init_scope():
            table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, 0.0)
            _table_insert.table = table  # type: ignore[attr-defined]
    _table_insert.table.insert([1], tf.reduce_sum(x)[None])  # type: ignore[attr-defined]
    return x


def _elsewhere(layer: Any, x: Any) -> Any:
    import tensorflow as tf

    if not hasattr(_elsewhere, "count"):
        with tf.init_scope():
            _elsewhere.count = tf.Variable(0.0, name="count")  # type: ignore[attr-defined]
    _elsewhere.count.assign_add(1.0)  # type: ignore[attr-defined]
    return x * _elsewhere.count  # type: ignore[attr-defined]


def untracked() -> dict[str, Callable[[Any, Any], Any]]:
    """What a layer may do that no snapshot holds, by the operation that the message names."""
    import random

    import tensorflow as tf

    return {
        "RandomUniform": lambda layer, x: x + tf.random.uniform(tf.shape(x)),
        "RandomStandardNormal": lambda layer, x: x + tf.random.normal(tf.shape(x)),
        "TruncatedNormal": lambda layer, x: x + tf.random.truncated_normal(tf.shape(x)),
        "RandomShuffle": lambda layer, x: x + tf.random.shuffle(tf.ones_like(x)),
        "EagerPyFunc": lambda layer, x: (
            x + tf.reshape(tf.py_function(lambda: 1.0, [], tf.float32), [])
        ),
        "PyFunc": lambda layer, x: (
            x + tf.reshape(tf.numpy_function(np.float32, [1.0], tf.float32), [])
        ),
        "LookupTableInsertV2": _table_insert,
        "the variable count": _elsewhere,
        "NumPy's random numbers": lambda layer, x: x * float(np.random.rand()),
        "Python's random numbers": lambda layer, x: x * random.random(),
    }


@pytest.mark.parametrize(
    "name",
    [
        "RandomUniform", "RandomStandardNormal", "TruncatedNormal", "RandomShuffle", "EagerPyFunc",
        "PyFunc", "LookupTableInsertV2", "the variable count", "NumPy's random numbers",
        "Python's random numbers",
    ],
)  # fmt: skip
def test_state_that_no_snapshot_holds_is_refused(make_loop: Any, name: str) -> None:
    loop = make_loop(model=layer_that(untracked()[name]))
    with pytest.raises(ParamsError, match=name) as caught:
        loop.fit(TRAIN, None, [], epochs=1)
    assert "\n" not in str(caught.value)
    operation = name[0].isupper() and " " not in name
    assert str(caught.value).startswith("the layer odd: ") == operation


def test_dropout_of_tensorflow_is_refused_too(make_loop: Any, tensorflow: Any) -> None:
    loop = make_loop(model=layer_that(lambda layer, x: tensorflow.nn.dropout(x, 0.5)))
    with pytest.raises(ParamsError, match=r"^the layer odd: RandomUniform draws random numbers"):
        loop.fit(TRAIN, None, [], epochs=1)


@pytest.mark.parametrize("replicas", [1, 2])
def test_random_numbers_of_keras_without_a_seed_are_resumed(
    make_loop: Any, tmp_path: Path, replicas: int
) -> None:
    import keras

    def noisy(layer: Any, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x), stddev=0.1)

    MODELS["unseeded"] = (layer_that(noisy), TRAIN)
    whole = resumed(make_loop, tmp_path / "whole", "unseeded", replicas)
    cut = resumed(make_loop, tmp_path / "cut", "unseeded", replicas, cut=2)
    assert_equal(weights(whole), weights(cut))
    other = make_loop(replicas, seed=1, model=layer_that(noisy))
    other.fit(TRAIN, None, [], epochs=3)
    assert any((a != b).any() for a, b in zip(weights(whole), weights(other), strict=True))


def test_stateless_random_numbers_are_taken(make_loop: Any, tensorflow: Any) -> None:
    def noisy(layer: Any, x: Any) -> Any:
        return x + tensorflow.random.stateless_normal(tensorflow.shape(x), [1, 2])

    make_loop(model=layer_that(noisy)).fit(TRAIN, None, [], epochs=1)


@pytest.mark.parametrize("replicas", [1, 2])
def test_random_numbers_that_other_threads_draw_are_not_refused(
    make_loop: Any, replicas: int
) -> None:
    """Prefect and MLflow draw them in their threads; only those of a replica's step count."""
    import random
    import threading

    ended = threading.Event()

    def draw() -> None:
        while not ended.wait(0.001):
            random.random()
            np.random.rand()

    other = threading.Thread(target=draw)
    other.start()
    try:
        make_loop(replicas).fit(TRAIN, None, [], epochs=1)
    finally:
        ended.set()
        other.join()
    drawing = layer_that(lambda layer, x: x * random.random())
    with pytest.raises(ParamsError, match="draws Python's random numbers"):
        make_loop(replicas, model=drawing).fit(TRAIN, None, [], epochs=1)
