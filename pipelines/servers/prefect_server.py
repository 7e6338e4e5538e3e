"""Prefect's server, whose requests wait for each other however many come at once.

Prefect begins a transaction as a reader. If another one has written by the time that it writes
itself, SQLite refuses that at once, whatever the time limit is: of 20 requests for a run, 18 were
answered with 503. Begun as writers they wait for up to a minute, Prefect's limit.

On PostgreSQL a request waits for one of 15 connections. Prefect has a setting for how long, but
doesn't use it: after 30 seconds, 28 of 100 requests at once on a busy machine were answered with
500.
"""

import sys
from contextlib import AbstractAsyncContextManager
from typing import Any

from prefect.cli import app
from prefect.server.database import configurations
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.settings import get_current_settings
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

begin_transaction = AioSqliteConfiguration.begin_transaction
create_engine = configurations.create_async_engine


def begin_as_writer(
    self: AioSqliteConfiguration, session: Any, with_for_update: bool = False
) -> AbstractAsyncContextManager[Any]:
    """Begin a transaction with SQLite's `BEGIN IMMEDIATE`."""
    return begin_transaction(self, session, with_for_update=True)


def create_patient_engine(url: str | URL, **more: Any) -> AsyncEngine:
    """Create an engine that waits for a connection as long as Prefect's setting says."""
    if make_url(url).get_backend_name() == "postgresql":
        more["pool_timeout"] = get_current_settings().server.database.sqlalchemy.pool_timeout
    return create_engine(url, **more)


if __name__ == "__main__":
    configurations.create_async_engine = create_patient_engine
    AioSqliteConfiguration.begin_transaction = begin_as_writer
    sys.argv[1:1] = ["server", "start"]
    app()
