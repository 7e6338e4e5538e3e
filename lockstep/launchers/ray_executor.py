"""An executor of concurrent.futures whose calls run on the nodes of a Ray cluster."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any


class RayExecutor(Executor):
    """Runs functions of modules, in this process's Ray cluster; Ray runs a lost call again."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run a function on any node; its errors are raised as in this process.

        BrokenProcessPool is raised where Ray gives up.
        """
        import ray

        result: Future[Any] = Future()
        reference = ray.remote(_called).options(num_cpus=1).remote(function, args, kwargs)
        reference.future().add_done_callback(lambda done: _hand_on(done, result))
        return result


def _called(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return function(*args, **kwargs)


def _hand_on(done: "Future[Any]", result: "Future[Any]") -> None:
    from ray.exceptions import RayError, RayTaskError

    error = done.exception()
    if error is None:
        result.set_result(done.result())
    elif isinstance(error, RayTaskError):
        result.set_exception(error.cause)
    elif isinstance(error, RayError):
        result.set_exception(BrokenProcessPool(str(error)))
    else:
        result.set_exception(error)
