"""Which machine this is, by a name that it keeps when it is started again."""

import hashlib
import platform
from pathlib import Path

MACHINE_ID = Path("/etc/machine-id")


def machine_name() -> str:
    """Return the host's name, and eight digits by which machines of the same name differ.

    They are made from the id that the system's installation has; a container may have none.
    """
    try:
        installed = MACHINE_ID.read_text(encoding="utf-8").strip()
    except OSError:
        installed = ""
    host = platform.node()
    digits = hashlib.sha256(f"lockstep {host} {installed}".encode()).hexdigest()[:8]
    return f"{host}-{digits}"
