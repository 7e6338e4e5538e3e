"""The addresses of registered models, which MLflow calls model URIs."""

import re

from lockstep.errors import ParamsError

MODEL_URI = re.compile(r"models:/(?P<name>[^/:@]+)(@(?P<alias>[^/:@]+)|/(?P<version>[0-9]+))")


def parts_of(uri: str) -> tuple[str, str | None, str | None]:
    """Return the name, alias and number of a version; raises ParamsError for another address."""
    match = MODEL_URI.fullmatch(uri)
    if not match:
        raise ParamsError(f"got {uri}, expected models:/NAME@ALIAS or models:/NAME/VERSION")
    return match["name"], match["alias"], match["version"]
