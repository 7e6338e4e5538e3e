"""How many bytes of data a GPU has room for."""

from collections.abc import Callable
from typing import Any

import pytest

from lockstep.errors import MachineError
from lockstep.runtime.gpu_memory import Memory, of_gpus, room_for_data

GIB = 2**30
FREE = Memory("A100", 40 * GIB, 39 * GIB)
SHARED = Memory("A100", 40 * GIB, 12 * GIB)
SMALL = Memory("T1000", 3 * GIB, 3 * GIB)


@pytest.mark.parametrize(
    ("memories", "model", "room"),
    [
        ([FREE], 0, 29 * GIB),  # a quarter is left
        ([FREE], 5 * GIB, 24 * GIB),
        ([FREE, SHARED], 0, 2 * GIB),  # the data are on both
        ([SMALL], 0, 2 * GIB),  # at least 1 GiB is left
        ([SHARED], 20 * GIB, -18 * GIB),
    ],
)
def test_room(memories: list[Memory], model: int, room: int) -> None:
    assert room_for_data(memories, model) == room


def test_data_go_where_they_fit(tensorflow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from lockstep.runtime import gpu_memory
    from lockstep.training.sources import choose_source

    monkeypatch.setattr(gpu_memory, "of_gpus", lambda: [FREE])
    assert choose_source("auto", 29 * GIB, 4, "GPU", 0).__name__ == "DeviceSource"
    assert choose_source("auto", 29 * GIB, 4, "GPU", 1).__name__ == "DiskSource"


def test_without_a_driver_auto_is_refused() -> None:
    with pytest.raises(MachineError, match=r"train\.data_placement device or disk instead of auto"):
        of_gpus()


def test_out_of_memory_is_one_line(tensorflow: Any, make_loop: Callable[..., Any]) -> None:
    import keras

    from lockstep.training.tensorflow_errors import MemoryUse, explain_out_of_memory
    from tests.support.loops import TRAIN

    class Huge(keras.Layer):
        def call(self, x: Any) -> Any:
            seed = [0, tensorflow.cast(x[0, 0], "int32")]
            # 4 TiB: no allocator gives that.
            numbers = tensorflow.random.stateless_uniform([2**20, 2**20], seed)
            return x + tensorflow.reduce_sum(numbers)

    layers = [keras.Input((6,)), Huge(), keras.layers.Dense(3, "softmax")]
    loop = make_loop(model=lambda: keras.Sequential(layers))
    use = MemoryUse(8, "device", 3 * GIB, GIB // 2)
    with pytest.raises(MachineError) as caught, explain_out_of_memory(use):
        loop.fit(TRAIN, None, [], steps=1)
    assert str(caught.value) == (
        "train.batch_size: got 8, but CPU:0 has no memory left for a float tensor of shape "
        "[1048576,1048576]: data 3.0 GiB; weights, gradients and optimizer 0.5 GiB; the rest is "
        "for activations; expected a smaller train.batch_size, or train.data_placement disk"
    )
