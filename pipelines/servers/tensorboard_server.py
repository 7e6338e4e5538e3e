"""TensorBoard without the lines that TensorFlow prints when it starts, and with a password."""

import hmac
import os
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug import Request, Response

from lockstep.runtime.tensorflow_import import load_tensorflow

PASSWORD = "TENSORBOARD_PASSWORD"  # noqa: S105  # a variable's name
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def serve() -> None:
    """Run TensorBoard with the command line's options.

    It has no login of its own: with TENSORBOARD_PASSWORD set, requests need it by HTTP's basic
    authentication, under any user name.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    load_tensorflow()
    from absl import app
    from tensorboard import default, main_lib
    from tensorboard.program import TensorBoard

    main_lib.global_init()
    tensorboard = TensorBoard(default.get_plugins(), server_class=_make_server)
    app.run(tensorboard.main, flags_parser=tensorboard.configure)


def _make_server(application: Application, flags: Any) -> Any:
    from tensorboard.program import create_port_scanning_werkzeug_server

    password = os.environ.get(PASSWORD)
    served = protected(application, password) if password else application
    return create_port_scanning_werkzeug_server(served, flags)


def protected(application: Application, password: str) -> Application:
    """Return an application that answers 401 to requests without the password."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        given = Request(environ).authorization
        if given and hmac.compare_digest((given.password or "").encode(), password.encode()):
            return application(environ, start_response)
        asked = {"WWW-Authenticate": 'Basic realm="TensorBoard"'}
        return Response("a password is needed", 401, asked)(environ, start_response)

    return answer


if __name__ == "__main__":
    serve()
