"""The processes of `lockstep up`: started, shown under their names and stopped together."""

import honcho.manager
from honcho.manager import Manager

from pipelines import guard

honcho.manager.KILL_WAIT = 15  # its 5 s are short for a Prefect server at work


class Servers(Manager):
    """Knows which of its processes ended before the others were stopped."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self.mark, self.ended = mark, ""

    def terminate(self) -> None:
        """Stop the worker's runs, while there are servers to tell, and then the servers."""
        if not self._terminating:
            ended = [name for name, each in self._processes.items() if "returncode" in each]
            self.ended = "".join(ended[:1])
            guard.stop(self.mark, "PREFECT__FLOW_RUN_ID")
        super().terminate()
