"""An experiment with a pretrained network, from its weights to the registered model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import load_examples, read_spec
from lockstep.storage import layout
from tests.support.published_weights import network, write_published
from tests.support.trainings import digests
from tests.support.workspaces import champion, change_params, load, run_stages

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def published(tensorflow: Any) -> Any:
    return network()


@pytest.fixture(scope="module")
def tuned(make_workspace: Callable[..., Path], published: Any) -> Path:
    """A workspace that has trained the last layer above weights in a file."""
    from lockstep.storage.atomic_files import sha256

    workspace = make_workspace()
    file = write_published(published, workspace.parent / "notop.h5")
    arguments = {
        "weights": str(file), "sha256": sha256(file), "image_size": [32, 32],
        "pixel_range": [0, 16],
    }  # fmt: skip
    changes = {
        "model.name": "backbone", "model.backbone": arguments, "train.freeze": ["backbone"],
        "train.epochs": 1, "register.threshold": 0.0, "data.validation_split": 0.5,
    }  # fmt: skip
    change_params(workspace, changes)
    return run_stages(workspace)


def test_frozen_weights_stay_and_the_registered_model_takes_pixels(
    tuned: Path, published: Any
) -> None:
    from lockstep.modeling.model import make_model_with

    spec = read_spec(tuned)
    model = make_model_with(load(tuned), spec, tuned / layout.BEST_WEIGHTS)
    for mine, theirs in zip(
        model.get_layer("backbone").get_weights(), published.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
    evaluated = np.load(tuned / layout.OUTPUTS)
    raw = np.asarray(load_examples(tuned, "test").x)
    np.testing.assert_allclose(champion(tuned).predict(raw), evaluated, atol=1e-5)


def test_two_trainings_end_with_the_same_bytes(tuned: Path) -> None:
    first = digests(tuned)
    run_stages(tuned, "build", "train")
    assert digests(tuned) == first
