"""A process that trains several times frees the graphs of the earlier trainings."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from tests.support.workspaces import run_stages


def graphs() -> weakref.WeakSet[Any]:
    """All graphs of functions in this process."""
    from tensorflow.python.framework.func_graph import FuncGraph

    return weakref.WeakSet(each for each in gc.get_objects() if isinstance(each, FuncGraph))


@pytest.mark.system
def test_the_graphs_of_an_earlier_training_are_freed(workspace: Path, tensorflow: Any) -> None:
    from lockstep.runtime.strategy import start_runtime

    before = graphs()
    run_stages(workspace, "download", "normalize", "build", "train")
    made = weakref.WeakSet(graphs() - before)
    assert made
    start_runtime(0)
    gc.collect()
    assert not [each.name for each in made]
