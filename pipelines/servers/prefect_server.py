"""Prefect's server, with transactions that wait for each other where its database is SQLite.

Prefect begins a transaction as a reader. If another one has written by the time that it writes
itself, SQLite refuses that at once, whatever the time limit is: of 20 requests for a run, 18 were
answered with 503. Begun as writers they wait for up to a minute, Prefect's limit.
"""

import sys
from contextlib import AbstractAsyncContextManager
from typing import Any

from prefect.cli import app
from prefect.server.database.configurations import AioSqliteConfiguration

begin_transaction = AioSqliteConfiguration.begin_transaction


def begin_as_writer(
    self: AioSqliteConfiguration, session: Any, with_for_update: bool = False
) -> AbstractAsyncContextManager[Any]:
    """Begin a transaction with SQLite's `BEGIN IMMEDIATE`."""
    return begin_transaction(self, session, with_for_update=True)


if __name__ == "__main__":
    AioSqliteConfiguration.begin_transaction = begin_as_writer
    sys.argv[1:1] = ["server", "start"]
    app()
