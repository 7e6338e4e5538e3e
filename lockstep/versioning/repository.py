"""A workspace's DVC repository; callers open it each time, since files change in between."""

from pathlib import Path

import networkx as nx
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from lockstep.errors import MachineError, ParamsError


def open_repository(root: Path) -> Repo:
    """Open the DVC repository at `root`; raises MachineError if there is none."""
    try:
        return Repo(str(root))
    except DvcException as error:
        raise MachineError(f"{root}: {error}; run in a checkout that has dvc.yaml") from None


def stages_in_order(repo: Repo) -> list[PipelineStage]:
    """Return dvc.yaml's stages, each after the stages whose outputs it depends on."""
    try:
        order = list(nx.dfs_postorder_nodes(repo.index.graph))
    except DvcException as error:
        raise ParamsError(f"dvc.yaml: {error}") from None
    return [stage for stage in order if isinstance(stage, PipelineStage)]


def cache_of(root: Path) -> Path:
    """Return the folder of the DVC cache that a checkout uses."""
    with open_repository(root) as repo:
        return Path(repo.cache.local_cache_dir).resolve()
