"""PostgreSQL and Redis of this machine's Debian and SeaweedFS of its wheel, in place of images."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.containers.compose import Service
from tests.containers.image import PATH, Image

PROGRAMS = "/opt/programs"
DATA = "/var/lib/postgresql/data"
SETTINGS = "listen_addresses = '*'\nunix_socket_directories = '/tmp'\n"
# Stricter than the image, which trusts its loopback: here every client comes from there.
RULES = "local all all trust\nhost all all all scram-sha-256\n"


def host_image(folder: Path) -> Image:
    """Make a root directory that shows this machine's programs and settings, and nothing else."""
    for name in ("etc", "usr", "proc", "run", "dev", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "etc" / "resolv.conf").touch()
    for name in ("bin", "sbin", "lib", "lib64"):
        (folder / name).symlink_to(f"usr/{name}")
    (server,) = Path("/usr/lib/postgresql").glob("*/bin")
    variables = {"PATH": f"{server}:{PROGRAMS}:{PATH}", "PGDATA": DATA, "HOME": "/"}
    weed = Path(sys.executable).with_name("weed")
    binds = {"/usr": Path("/usr"), "/etc": Path("/etc"), f"{PROGRAMS}/weed": weed}
    return Image([folder], variables, binds=binds)


def make_cluster(image: Image, service: Service, binds: Mapping[str, Path], user: str) -> None:
    """Do what the image `postgres` does at its first start: create the user and the databases."""
    values, data = service.variables, binds[DATA]
    secret = data.with_name("postgres-password")
    secret.write_text(values["POSTGRES_PASSWORD"], encoding="utf-8")
    shutil.chown(secret, *map(int, user.split(":")))
    binds = {**binds, "/run-once/password": secret}

    def run(*words: str, text: str = "") -> None:
        command = image.container(words, binds, user=user)
        ended = subprocess.run(command, input=text, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    run("initdb", "--username", values["POSTGRES_USER"], "--pwfile", "/run-once/password",
        "--encoding", "UTF8", "--locale", "C", "--no-sync")  # fmt: skip
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    (data / "pg_hba.conf").write_text(RULES, encoding="utf-8")
    run("postgres", "--single", "postgres", text=f"CREATE DATABASE {values['POSTGRES_DB']};\n")
    for target in service.files:
        script = binds[target].read_text(encoding="utf-8")
        run("postgres", "--single", values["POSTGRES_DB"], text=f"{script}\n")
