"""A loss that isn't finite ends training with a message that names the step."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples
from lockstep.errors import DivergedError
from lockstep.process.exit_codes import exit_code
from tasks.__main__ import run_stage
from tests.support.loops import TRAIN, Watch
from tests.support.workspaces import change_params, with_values


def explode(step: int) -> dict[str, Any]:
    """A schedule whose rate makes the weights infinite from this global step on."""
    return {"name": "PiecewiseConstantDecay", "boundaries": [step - 2], "values": [0.01, 1e38]}


def first_bad_step(loop: Any) -> tuple[int, int]:
    """The epoch and its step, from 1, where Keras's own training has its first non-finite loss."""
    x = loop.steps.preprocess(TRAIN.x).numpy()
    for epoch in range(9):
        for step, batch in enumerate(loop.order_of(70, epoch)):
            loss = loop.model.train_on_batch(x[batch], TRAIN.y[batch], return_dict=True)["loss"]
            if not math.isfinite(loss):
                return epoch + 1, step + 1
    return 0, 0


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize(("explosion", "expected"), [(1, (1, 2)), (5, (1, 6)), (22, (3, 7))])
def test_the_step_is_the_one_where_keras_diverges(
    make_loop: Any, replicas: int, explosion: int, expected: tuple[int, int]
) -> None:
    rate = explode(explosion)
    changes = {"train.optimizer": "sgd", "train.learning_rate": rate, "train.metrics": []}
    values = with_values(changes)
    loop, watch = make_loop(replicas, values=values, steps_per_execution=3), Watch()
    with pytest.raises(DivergedError) as caught:
        loop.fit(TRAIN, None, [watch], epochs=9)
    epoch, step = expected
    assert str(caught.value) == (
        f"the loss became nan in epoch {epoch} at step {step}; a lower train.learning_rate may help"
    )
    assert len(watch.epochs) == epoch - 1
    if replicas == 1:
        assert first_bad_step(make_loop(values=values)) == expected


@pytest.mark.parametrize("size", [1, 100])
def test_the_step_is_the_same_for_any_steps_per_execution(make_loop: Any, size: int) -> None:
    changes = {"train.optimizer": "sgd", "train.learning_rate": explode(22)}
    loop = make_loop(values=with_values(changes), steps_per_execution=size)
    with pytest.raises(DivergedError, match="in epoch 3 at step 7;"):
        loop.fit(TRAIN, None, [], epochs=9)


@pytest.mark.parametrize("half", [slice(0, 4), slice(4, 8)])
def test_a_non_finite_loss_on_one_replica_is_enough(make_loop: Any, half: slice) -> None:
    weights = np.ones((8, 8), np.float32)
    weights[5, half] = 1e38  # the loss of this half of step 6 is above what float32 holds
    train = Examples(TRAIN.x[:64], TRAIN.y[:64], weights.ravel())
    with pytest.raises(DivergedError, match="in epoch 1 at step 6;"):
        make_loop(2, order="sequential").fit(train, None, [], epochs=1)


@pytest.mark.system
def test_a_stage_that_diverges_ends_with_one_line_and_code_1(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"train.optimizer": "sgd", "train.learning_rate": explode(50)}
    change_params(ready, {**changes, "train.callbacks": ["TerminateOnNaN", "CSVLogger"]})
    with exit_code("train") as outcome:
        run_stage("train", ready)
    assert outcome.code == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("train:")]
    assert lines == [
        "train: the loss became nan in epoch 2 at step 10; a lower train.learning_rate may help"
    ]
    assert not (ready / "weights" / "last.weights.h5").exists()
