"""Keras's parts by name with arguments, and the user's own from their file."""

import functools
import importlib.util
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from lockstep.config.schema import OWN, Named
from lockstep.errors import ParamsError
from lockstep.messages import first_line


def make(
    module: ModuleType, named: Named, key: str, own: Path, defaults: dict[str, Any] | None = None
) -> Any:
    """Return what `named` means in a module of Keras, or in the user's file `own`.

    A class is made with the arguments, a function keeps them; raises ParamsError if they don't fit.
    """
    target = _target(named.name, module, own)
    given = {name: _resolved(value, own) for name, value in named.arguments.items()}
    arguments = {**(defaults or {}), **given}
    try:
        if inspect.isclass(target):
            return target(**arguments)
        inspect.signature(target).bind_partial(**arguments)
        return functools.update_wrapper(functools.partial(target, **arguments), target)
    except (TypeError, ValueError) as error:
        raise ParamsError(f"train.{key}: {named.name}: {first_line(error)}") from None


def _target(name: str, module: ModuleType, own: Path) -> Any:
    return _resolved(name, own) if name.startswith(OWN) else getattr(module, name)


def _resolved(value: Any, own: Path) -> Any:
    """An argument as Keras takes it: `own.NAME` is a thing of the user's file."""
    if isinstance(value, str) and value.startswith(OWN):
        return getattr(_load(own), value.removeprefix(OWN))
    return value


@functools.cache
def _load(own: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location("own", own)
    if specification is None or specification.loader is None:
        raise ParamsError(f"train.own: got {own}, expected a file that ends in .py")
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise ParamsError(f"train.own: {own}: {type(error).__name__}: {error}") from None
    return module
