"""Whether the MLflow server or database of MLFLOW_TRACKING_URI answers, and takes the password.

As a program it prints a line on that.
"""

import os

import sqlalchemy

from lockstep.errors import one_line
from lockstep.messages import first_line, without_login
from lockstep.tracking import database

SECONDS = 5
LOGIN = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
START = "start it, or correct MLFLOW_TRACKING_URI"


def shared_address() -> str:
    """Return the address without a password; empty if runs go to a file of this machine."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    return "" if "://" not in uri or uri.startswith(("sqlite", "file")) else without_login(uri)


def line() -> str:
    """Ask the server for an experiment, or connect to the database; say whether that works."""
    uri = os.environ["MLFLOW_TRACKING_URI"]
    problem = _of_database(uri) if database.is_database(uri) else _of_server(uri)
    return one_line(f"MLflow {shared_address()}: {problem or 'works'}")


def _of_database(uri: str) -> str:
    try:
        engine = sqlalchemy.create_engine(uri)
        engine.connect().close()
    except ImportError as error:
        return f"{error}; install the database's driver"
    except sqlalchemy.exc.SQLAlchemyError as error:
        return f"{first_line(getattr(error, 'orig', None) or error)}; {START}"
    return ""


def _of_server(uri: str) -> str:
    os.environ |= {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(SECONDS),
    }
    from lockstep.tracking.client import MlflowClient, MlflowException, reason

    try:
        MlflowClient(uri, uri).search_experiments(max_results=1)
    except MlflowException as error:
        if "error code 401" in str(error):
            return f"it refuses the password; {LOGIN}"
        return f"{reason(error).removeprefix(f'{shared_address()} ')}; {START}"
    return ""


if __name__ == "__main__":
    print(line())
