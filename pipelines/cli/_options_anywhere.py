"""A parser that takes options before, between and after a command's other arguments."""

from argparse import ArgumentParser
from typing import Any


class OptionsAnywhere(ArgumentParser):
    """argparse alone takes `run a=1 --preset NAME b=2` for a mistake."""

    _within = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse options first, then all that is left together."""
        if self._within:
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False
