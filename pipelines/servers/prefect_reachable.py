"""Whether the Prefect server of the user's settings answers, and takes the password."""

from typing import Any

import httpx

from lockstep.errors import one_line
from lockstep.messages import first_line, without_login

SECONDS = 10


def line() -> str:
    """Ask for the server's version, and say whether that works; empty if there is no server."""
    from prefect.settings import PREFECT_API_URL

    address = PREFECT_API_URL.value()
    return one_line(f"Prefect {without_login(address)}: {_problem(address)}") if address else ""


def _problem(address: str) -> str:
    start = "start it, or correct PREFECT_API_URL"
    try:
        answer = httpx.get(f"{address}/admin/version", timeout=SECONDS, **_login())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{first_line(error)}; {start}"
    if answer.status_code in (401, 403):
        return "it refuses the password; set PREFECT_API_AUTH_STRING=USER:PASSWORD"
    if not answer.is_success:
        return f"it answers with {answer.status_code}; {start}, which ends with /api"
    return "works"


def _login() -> dict[str, Any]:
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY

    given, key = PREFECT_API_AUTH_STRING.value(), PREFECT_API_KEY.value()
    if given:
        user, _, password = given.partition(":")
        return {"auth": (user, password)}
    return {"headers": {"Authorization": f"Bearer {key}"}} if key else {}
