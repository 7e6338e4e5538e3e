"""The image as a fixture."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.containers.debian import skip_unless_possible
from tests.containers.image import Image
from tests.containers.shared import shared_image


@pytest.fixture(scope="session")
def built(make_workspace: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the image is made from: a commit of the working tree."""
    skip_unless_possible(tmp_path_factory.mktemp("possible") / "probe")
    return make_workspace(name="built")


@pytest.fixture(scope="session")
def image(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image of the target `cpu`."""
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with shared_image(built, common / "image") as made:
        yield made
