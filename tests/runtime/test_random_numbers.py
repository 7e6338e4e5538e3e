"""What other threads draw, or MLflow's client before the model is built, changes no result."""

import random
import threading
from collections.abc import Iterator

import keras
import numpy as np
import pytest

from lockstep.modeling.model import make_model
from lockstep.runtime import random_numbers
from lockstep.runtime.strategy import start_runtime
from tests.support.loops import spec_of
from tests.support.workspaces import with_values

MODEL = {"model.name": "mlp", "model.mlp.units": [8] * 8, "model.mlp.dropout": 0.5, "seed": 5}


@pytest.fixture
def noise() -> Iterator[None]:
    """A thread that draws all the time, as Prefect's do now and then."""
    ended = threading.Event()

    def draw() -> None:
        while not ended.is_set():
            random.seed(random.getrandbits(32))

    thread = threading.Thread(target=draw)
    thread.start()
    yield
    ended.set()
    thread.join()


def initial(*, drawn: int = 0) -> list[np.ndarray]:
    """The initial weights of a model, and the states of its dropout."""
    start_runtime(5)
    for _ in range(drawn):
        random.random()
    model = make_model(with_values(MODEL), spec_of([4, 4, 1], "ab"))
    return [each.numpy() for each in model.variables]


def test_other_threads_draw_from_another_generator(noise: None) -> None:
    first, second = initial(), initial()
    assert len(first) > 20
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_draw_before_the_model_is_built_changes_nothing() -> None:
    for one, two in zip(initial(), initial(drawn=3), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_numbers_are_those_of_python() -> None:
    plain = random.Random(7)
    random_numbers.keep_for_this_thread()
    random.seed(7)
    for name, arguments in [
        ("randint", (1, 10**9)), ("random", ()), ("gauss", (0, 1)), ("gauss", (0, 1)),
        ("choice", (range(99),)), ("sample", (range(99), 5)), ("randbytes", (3,)),
        ("uniform", (1, 2)), ("getstate", ()),
    ]:  # fmt: skip
        assert getattr(random, name)(*arguments) == getattr(plain, name)(*arguments), name


def test_a_seed_that_a_model_sets_counts() -> None:
    start_runtime(5)
    keras.utils.set_random_seed(1)
    one = keras.random.SeedGenerator().state.numpy()
    keras.utils.set_random_seed(2)
    assert (keras.random.SeedGenerator().state.numpy() != one).any()
