"""TensorBoard answers only requests with the password."""

from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import Client

from pipelines.servers.tensorboard_server import protected

PASSWORD = "pässword"


def page(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"curves"]


@pytest.mark.parametrize("given", [None, "", "wrong", "p\u00e4ssword ", "passwörd"])
def test_other_requests_are_refused(given: str | None) -> None:
    answer = Client(protected(page, PASSWORD)).get(
        "/", auth=given if given is None else ("", given)
    )
    assert answer.status_code == 401
    assert "TensorBoard" in answer.headers["WWW-Authenticate"]
    assert b"curves" not in answer.data


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic YQ==", "Bearer x", "Digest a=b"])
def test_malformed_logins_are_refused(header: str) -> None:
    answer = Client(protected(page, PASSWORD)).get("/", headers={"Authorization": header})
    assert answer.status_code == 401


def test_the_password_is_accepted_under_any_name() -> None:
    answer = Client(protected(page, PASSWORD)).get("/", auth=("any", PASSWORD))
    assert (answer.status_code, answer.data) == (200, b"curves")
