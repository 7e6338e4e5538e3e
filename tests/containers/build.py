"""Run the steps of the Dockerfile in a clean Debian root: python -m tests.containers.build FOLDER.

Docker isn't needed, and no image is fetched: the base is a Debian made by debootstrap. Each step
that changes files makes a layer, which is a folder.
"""

import os
import pwd
import shutil
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pathspec

from tests.containers.debian import make_debian
from tests.containers.dockerfile import Step, read_stages, read_step
from tests.containers.image import PATH, Image
from tests.containers.root import CERTIFICATES, CERTIFICATES_INSIDE, Root

FIELDS = {"WORKDIR": "folder", "USER": "user", "ENTRYPOINT": "entrypoint", "CMD": "command"}


class Builder:
    """Builds stages of the Dockerfile in a folder; layers are stored in another, new folder."""

    def __init__(self, context: Path, store: Path) -> None:
        self.context, self.store = context, store
        self.stages, self.built = read_stages(context), dict[str, Image]()
        self.mountpoint = store / "root"
        self.mountpoint.mkdir(parents=True)

    def build(self, name: str) -> Image:
        """Build a stage, and before it those that it needs; `name` may be that of a base image."""
        if name not in self.built:
            self.built[name] = self._build(name)
        return self.built[name]

    def _build(self, name: str) -> Image:
        if name not in self.stages:
            layer = self._layer()
            make_debian(name, layer)
            return Image([layer])
        image = self.build(self.stages[name].base)
        for step in self.stages[name].steps:
            image = self._apply(image, step)
        return image

    def _apply(self, image: Image, step: Step) -> Image:
        match step.name:
            case "RUN":
                return replace(image, layers=[*image.layers, self._run(image, step)])
            case "COPY":
                return replace(image, layers=[*image.layers, self._copy(image, step)])
            case "ENV":
                variables = image.variables | step.variables(image.variables)
                return replace(image, variables=variables)
            case "HEALTHCHECK":
                kind, _, value = step.value.partition(" ")
                return replace(image, health=read_step(kind, value).words())
            case "WORKDIR" | "USER":
                return replace(image, **{FIELDS[step.name]: step.value})
            case "ENTRYPOINT" | "CMD":
                return replace(image, **{FIELDS[step.name]: step.words()})
        raise ValueError(f"{step.name}: can't be run, expected RUN, COPY, ENV and so on: add it")

    def _run(self, image: Image, step: Step) -> Path:
        layer, binds = self._layer(), {}
        (layer / image.folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        if "mount" in step.options:
            options = dict(each.split("=", 1) for each in step.options["mount"].split(","))
            assert options["type"] == "cache"
            target = options["target"].lstrip("/")
            (layer / target).mkdir(parents=True)
            binds[target] = wheel_cache()
        variables = {"HOME": "/root", **image.variables}
        if CERTIFICATES.exists():
            names = ("SSL_CERT_FILE", "PIP_CERT")
            variables |= dict.fromkeys(names, f"/{CERTIFICATES_INSIDE}")
        root = Root(image.layers, self.mountpoint, layer, binds)
        root.run(step.words(), variables, image.folder)
        return layer

    def _copy(self, image: Image, step: Step) -> Path:
        layer = self._layer()
        *sources, target = step.words()
        inside = layer / os.path.join(image.folder, target).lstrip("/")  # noqa: PTH118
        if "from" in step.options:
            self._copy_from(self.build(step.options["from"]), *sources, inside)
            return layer
        for source in sources:
            copied = inside / Path(source).name if target.endswith("/") else inside
            copied.parent.mkdir(parents=True, exist_ok=True)
            copy_context(self.context, source, copied)
            if "chmod" in step.options:
                copied.chmod(int(step.options["chmod"], 8))
        return layer

    def _copy_from(self, image: Image, source: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        root = Root(image.layers, self.mountpoint, binds={"mnt": target.parent})
        root.run(["cp", "-a", source, f"/mnt/{target.name}"], {"PATH": PATH}, "/")

    def _layer(self) -> Path:
        layer = self.store / f"{len(list(self.store.glob('[0-9][0-9]'))):02}"
        layer.mkdir()
        return layer


def copy_context(context: Path, source: str, target: Path) -> None:
    """Copy a file or folder without what .dockerignore names; its lines count from the top."""
    if not (context / source).is_dir():
        shutil.copy2(context / source, target)
        return
    lines = (context / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = pathspec.GitIgnoreSpec.from_lines(f"/{line}" for line in lines)

    def ignored(folder: str, names: list[str]) -> Iterable[str]:
        inside = Path(folder).relative_to(context)
        return [name for name in names if patterns.match_file(str(inside / name))]

    shutil.copytree(context / source, target, symlinks=True, ignore=ignored)


def wheel_cache() -> Path:
    """The folder in which uv keeps wheels, also when tests have set another HOME."""
    folder = Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache", "uv")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    made = Builder(Path.cwd(), Path(sys.argv[1])).build((sys.argv[2:] or ["cpu"])[0])
    for part, size in made.sizes().items():
        sys.stdout.write(f"layer {part} {size / 1e6:8.1f} MB\n")
    sys.stdout.write(f"sum      {sum(made.sizes().values()) / 1e6:8.1f} MB\n")
