"""A workspace's DVC repository, opened anew for each question: files change between them."""

from pathlib import Path

import networkx as nx
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from lockstep.errors import MachineError, ParamsError


def opened(root: Path) -> Repo:
    """Open the repository at `root`; raises MachineError if it is none."""
    try:
        return Repo(str(root))
    except DvcException as error:
        raise MachineError(f"{root}: {error}; run in a checkout that has dvc.yaml") from None


def stages_in_order(repo: Repo) -> list[PipelineStage]:
    """Return dvc.yaml's stages, each after those whose outputs it reads."""
    try:
        order = list(nx.dfs_postorder_nodes(repo.index.graph))
    except DvcException as error:
        raise ParamsError(f"dvc.yaml: {error}") from None
    return [stage for stage in order if isinstance(stage, PipelineStage)]
