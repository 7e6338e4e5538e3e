"""What several experiments are made from, or one from its start to its end, is the same."""

from collections.abc import Mapping

from lockstep.errors import DataError


class SameInputs:
    """The values of inputs, by name, where each was seen first."""

    def __init__(self, while_: str) -> None:
        self._while = while_
        self._first: dict[str, str] = {}

    def require(self, values: Mapping[str, str]) -> None:
        """Raise DataError if an input isn't as it was before."""
        changed = [
            name for name, value in values.items() if self._first.setdefault(name, value) != value
        ]
        if changed:
            raise DataError(
                f"{', '.join(changed)}: changed while {self._while}, expected the same until it "
                "ends; run it again, or change it back first"
            )
