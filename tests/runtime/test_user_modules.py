"""A stage imports the project's own files anew."""

import gc
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lockstep.runtime import user_modules
from lockstep.runtime.tensorflow_import import imported
from tests.support.waiting import until

DATACLASS = """
from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Rates:
    first: float = 0.1
"""
HELPER = "made = []\n"
CUSTOM = """
import keras


@keras.saving.register_keras_serializable("mine")
class Scale(keras.layers.Layer):
    pass


keras.saving.get_custom_objects()["twice"] = lambda x: 2 * x
"""


def test_what_a_helper_of_the_project_remembers_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("helpers/__init__.py", "helpers/counts.py", "alone.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(HELPER)
    for name in ("helpers.counts", "helpers", "alone"):
        import_module(name).made.append(1)
    user_modules.forget(tmp_path)
    for name in ("helpers.counts", "helpers", "alone"):
        assert import_module(name).made == []
    user_modules.forget(tmp_path)


def test_modules_of_lockstep_and_of_libraries_stay(tmp_path: Path) -> None:
    before = {
        name: each
        for name, each in sys.modules.items()
        if not name.startswith(user_modules.PACKAGES)
    }
    user_modules.forget(Path(__file__).parents[2])
    assert {name: sys.modules.get(name) for name in before} == before


@pytest.mark.usefixtures("tensorflow")
def test_another_thread_may_import_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python may turn to it while it collects garbage, as often as in any other step."""
    for number in range(1000):
        monkeypatch.setitem(sys.modules, f"first{number}", ModuleType("first"))
    imported_meanwhile: list[str] = []

    def import_one(phase: str, info: dict[str, int]) -> None:
        imported_meanwhile.append(f"meanwhile{len(imported_meanwhile)}")
        sys.modules[imported_meanwhile[-1]] = ModuleType("meanwhile")

    usual = gc.get_threshold()
    gc.callbacks.append(import_one)
    gc.set_threshold(10)
    try:
        user_modules.forget(tmp_path)
    finally:
        gc.set_threshold(*usual)
        gc.callbacks.remove(import_one)
        for name in imported_meanwhile:
            del sys.modules[name]
    assert imported_meanwhile


def test_what_they_have_registered_in_keras_is_forgotten(tmp_path: Path) -> None:
    import keras

    registered: dict[str, Any] = keras.saving.get_custom_objects()
    user_modules.forget(tmp_path)
    before = dict(registered)
    (tmp_path / "custom.py").write_text(CUSTOM)
    user_modules.load(tmp_path / "custom.py")
    assert set(registered) - set(before) == {"mine>Scale", "twice"}
    user_modules.forget(tmp_path)
    assert registered == before


def test_custom_objects_may_have_dataclasses(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(DATACLASS)
    assert user_modules.load(tmp_path / "own.py").Rates().first == 0.1
    user_modules.forget(tmp_path)
    assert user_modules.CUSTOM not in sys.modules


def test_a_module_that_a_thread_is_importing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lockstep run` imports TensorFlow in a thread while the first stages run."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "slow.py").write_text("import threading\n\nend = threading.Event()\nend.wait(60)\n")
    assert imported("slow") is None
    thread = threading.Thread(target=import_module, args=["slow"])
    thread.start()
    end = until(lambda: getattr(sys.modules.get("slow"), "end", None), 20, 0.01)
    assert imported("slow") is None
    end.set()
    thread.join()
    assert imported("slow") is sys.modules.pop("slow")
