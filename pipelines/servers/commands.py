"""The commands and environment variables of the servers that `lockstep up` starts."""

import os
from pathlib import Path
from typing import NamedTuple

from lockstep.storage import layout
from lockstep.tracking import database
from pipelines.servers import team

LEASES = "prefect.server.concurrency.lease_storage.filesystem"
# MLflow and Prefect read these themselves; without them data are in the checkout.
MLFLOW_STORE, MLFLOW_ARTIFACTS = "MLFLOW_BACKEND_STORE_URI", "MLFLOW_ARTIFACTS_DESTINATION"
PREFECT_STORE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


class Places(NamedTuple):
    """Where the servers listen."""

    host: str
    ports: dict[str, int]

    def address(self, name: str) -> str:
        """Return a server's URL."""
        return f"http://{self.host}:{self.ports[name]}"

    def variables(self) -> dict[str, str]:
        """Return the variables that name the servers and turn off telemetry."""
        return {
            "PREFECT_API_URL": f"{self.address('prefect')}/api",
            "MLFLOW_TRACKING_URI": self.address("mlflow"),
            "DO_NOT_TRACK": "1",
        }


def commands(main: Path, places: Places) -> dict[str, list[str]]:
    """Return each server's command. MLflow uses the same files as runs without a server."""
    bound = {
        name: ["--host", places.host, "--port", str(port)] for name, port in places.ports.items()
    }
    return {
        "mlflow": ["mlflow", "server", *bound["mlflow"], *_mlflow_options(main, places.host)],
        "prefect": ["pipelines.servers.prefect_server", *bound["prefect"]],
        "tensorboard": [
            "pipelines.servers.tensorboard_server",
            *bound["tensorboard"],
            "--logdir",
            str(main / layout.LOGS),
        ],
    }


def _mlflow_options(main: Path, host: str) -> list[str]:
    """Return the options; a store's URI may contain a password, so it stays in its variable."""
    options = ["--workers", "1", "--uvicorn-opts", "--log-level warning"]  # no line per request
    if MLFLOW_STORE not in os.environ:
        options += ["--backend-store-uri", database.uri_in(main)]
    artifacts = (main / layout.TRACKING_ARTIFACTS).as_uri()
    if host == team.LOOPBACK and MLFLOW_ARTIFACTS not in os.environ:
        options += ["--default-artifact-root", artifacts]
    elif MLFLOW_ARTIFACTS not in os.environ:
        options += ["--artifacts-destination", artifacts]
    return options + (["--app-name", "basic-auth"] if team.has_logins() else [])


def settings(folder: Path, places: Places) -> dict[str, str]:
    """Return the servers' settings: where they store data, and which web origins they allow."""
    return {
        "PREFECT_HOME": str(folder / "prefect"),
        # Without this the UI calls port 4200, whatever the server's port is.
        "PREFECT_SERVER_UI_API_URL": f"{places.address('prefect')}/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # By default any web page in a local browser could start runs.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(_pages(places)),
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_TIMEOUT": "300",
        # Leases in memory are lost with the server, and their slots stay taken forever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # no processes for AI features
        **(_hosts(places) if places.host != team.LOOPBACK else {}),
        **(team.settings(folder) if team.has_logins() else {}),
        "PYTHONUNBUFFERED": "1",
    }


def _pages(places: Places) -> list[str]:
    hosts = dict.fromkeys((places.host, team.LOOPBACK, "localhost"))
    return [f"http://{host}:{places.ports['prefect']}" for host in hosts]


def _hosts(places: Places) -> dict[str, str]:
    """Return the names and pages from which MLflow is used: its own address, and those given."""
    own = {
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"{places.host},{places.host}:{places.ports['mlflow']}",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": places.address("mlflow"),
    }
    return {
        name: ",".join(filter(None, (value, os.environ.get(name)))) for name, value in own.items()
    }
