"""The processes of a training by two workers, on the loopback or on two machines."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.machines import Machine
from tests.support.ports import free_port


class Workers:
    """A chief and another worker, each in a separate checkout with the same inputs."""

    def __init__(self, root: Path, machines: Sequence[Machine] = ()) -> None:
        hosts = [each.address for each in machines] or ["127.0.0.1"] * 2
        self.cluster = {"worker": [f"{host}:{free_port()}" for host in hosts]}
        self.machines = machines
        self.chief_root, self.other_root = root, root.with_name("other")
        shutil.copytree(self.chief_root, self.other_root)

    def chief(self) -> subprocess.Popen[str]:
        return self._start(self.chief_root, 0, "tasks", "train")

    def other(self) -> subprocess.Popen[str]:
        return self._start(self.other_root, 1, "lockstep", "worker")

    def _start(self, root: Path, index: int, *command: str) -> subprocess.Popen[str]:
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": self.cluster, "task": task})
        python = [sys.executable, "-m", *command]
        return subprocess.Popen(
            self.machines[index].command(*python) if self.machines else python,
            cwd=root, env={**os.environ, "TF_CONFIG": config},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
