"""Opens a model file of others in this process, which can do little: for import_model.

python -m lockstep.serving.opened_apart ROOT FILE
"""

import ctypes
import io
import json
import resource
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

from lockstep.process.exit_codes import exit_code

CPU_SECONDS, MEMORY, FILES = 300, 2**34, 256
OWN_USER, OWN_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET


def limit() -> None:
    """Take from this process the network, where the system allows it, and all writing of files."""
    tempfile.tempdir = str(Path.cwd())  # Python would test it by writing to it
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).unshare(OWN_USER | OWN_NETWORK)
    for kind, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def main(root: Path, path: Path) -> int:
    """Load the model, and print how large it is; returns the exit code."""
    with exit_code("import") as outcome:
        from lockstep.modeling.weight_files import check_weights

        with zipfile.ZipFile(path) as archive:
            check_weights(path, io.BytesIO(archive.read("model.weights.h5")))
        from lockstep.serving.load import whole_model

        model = whole_model(path, root)
        sizes = {"layers": len(model._flatten_layers()), "weights": model.count_params()}
        print(json.dumps(sizes))
    return outcome.code


if __name__ == "__main__":
    limit()
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
