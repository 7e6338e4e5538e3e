"""A clean Debian made by debootstrap, from the mirror that this machine's apt uses."""

import shutil
import subprocess
from pathlib import Path

import pytest

# Devices, which debootstrap makes, and layers.
PROBE = """mkdir lower upper work root
mknod null c 1 3
echo > null
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root"""
PACKAGES = {
    "debootstrap": "debootstrap", "ip": "iproute2", "psql": "postgresql",
    "redis-server": "redis-server", "wget": "wget",
}  # fmt: skip
SUITES = {"12": "bookworm", "13": "trixie"}  # of the tags of the image `debian`


def make_debian(image: str, folder: Path) -> None:
    """Make the Debian that an image debian:VERSION-slim contains, without caches."""
    name, _, tag = image.partition(":")
    assert name == "debian", f"{image}: can't be made here, expected debian:VERSION-slim"
    suite = SUITES[tag.partition(".")[0]]
    command = ["debootstrap", "--variant=minbase", suite, str(folder), mirror()]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for cache in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(folder / cache)
        (folder / cache / "partial").mkdir(parents=True)


def mirror() -> str:
    """The address of this machine's Debian mirror, which isn't the one of security updates."""
    command = ["apt-get", "indextargets", "--format", "$(CODENAME) $(SITE)", "Created-By: Packages"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [line.split()[1] for line in lines if line.split()[0] in SUITES.values()]
    assert found, "apt has no Debian mirror: run apt-get update"
    return found[0]


def skip_unless_possible(folder: Path) -> None:
    """Skip the test where this user can't make a Debian in a folder, or mount its layers."""
    folder.mkdir()
    command = ["unshare", "--mount", "--pid", "--net", "--fork", "sh", "-ec", PROBE]
    tried = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"this user can't run debootstrap: {tried.stderr.strip()}")
    for program, package in PACKAGES.items():
        if shutil.which(program) is None:
            pytest.fail(f"no {program}: install the package {package}")
