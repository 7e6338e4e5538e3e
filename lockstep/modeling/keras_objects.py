"""Make Keras objects from a name with arguments, and custom ones from the user's file."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from lockstep.config.schema import CUSTOM, KerasObjectConfig
from lockstep.errors import ParamsError
from lockstep.messages import first_line
from lockstep.runtime import user_modules


def make(
    module: ModuleType,
    config: KerasObjectConfig,
    key: str,
    file: Path,
    defaults: dict[str, Any] | None = None,
    wrap: Callable[[type], type] | None = None,
) -> Any:
    """Return the object that `config` names in a Keras module or in the custom objects file.

    A class, or what `wrap` makes of it, is instantiated, a function becomes a partial; raises
    ParamsError if the arguments don't fit.
    """
    target = _target(config.name, module, file)
    given = {name: _resolved(value, file) for name, value in config.arguments.items()}
    arguments = {**(defaults or {}), **given}
    try:
        if inspect.isclass(target):
            return (wrap(target) if wrap else target)(**arguments)
        inspect.signature(target).bind_partial(**arguments)
        return functools.update_wrapper(functools.partial(target, **arguments), target)
    except (TypeError, ValueError) as error:
        raise ParamsError(f"train.{key}: {config.name}: {first_line(error)}") from None


def _target(name: str, module: ModuleType, file: Path) -> Any:
    return _resolved(name, file) if name.startswith(CUSTOM) else getattr(module, name)


def _resolved(value: Any, file: Path) -> Any:
    """Return an argument's value: `custom.NAME` is an object of the user's file."""
    if isinstance(value, str) and value.startswith(CUSTOM):
        return getattr(_load(file), value.removeprefix(CUSTOM))
    return value


def _load(file: Path) -> ModuleType:
    if file.suffix != ".py":
        raise ParamsError(
            f"train.custom_objects_file: got {file}, expected a file that ends in .py"
        )
    try:
        return user_modules.load(file)
    except Exception as error:
        raise ParamsError(
            f"train.custom_objects_file: {file}: {type(error).__name__}: {error}"
        ) from None
