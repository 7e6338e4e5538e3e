"""The addresses of registered models on the command line."""

from lockstep.errors import ParamsError


def parts_of(uri: str) -> tuple[str, str | None, str | None]:
    """Return the name, alias and number of a version; raises ParamsError for another address."""
    from lockstep.serving.locate import REGISTRY_URI  # imports NumPy

    match = REGISTRY_URI.fullmatch(uri)
    if not match:
        raise ParamsError(f"got {uri}, expected models:/NAME@ALIAS or models:/NAME/VERSION")
    return match["name"], match["alias"], match["version"]
