"""A workspace's DVC repository; callers open it each time, since files change in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import networkx as nx
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from lockstep.errors import MachineError, ParamsError
from lockstep.storage import layout
from lockstep.versioning.run_cache import SharedRunCache

Texts = list[bytes]  # of the files from which DVC makes its graph
# By checkout, in a `kept_repositories` block. Other threads see none: a Repo is for one thread.
_kept: ContextVar[dict[Path, tuple[Texts, Repo]] | None] = ContextVar("kept", default=None)


def open_repository(root: Path) -> Repo:
    """Open the DVC repository at `root`; raises MachineError if there is none."""
    try:
        repo = Repo(str(root))
    except DvcException as error:
        raise MachineError(f"{root}: {error}; run in a checkout that has dvc.yaml") from None
    repo.stage_cache = SharedRunCache(repo)
    return repo


@contextmanager
def read_repository(root: Path) -> Iterator[Repo]:
    """Yield the DVC repository at `root`, to read its graph; raises as open_repository.

    In a `kept_repositories` block it is the one of the last call, unless dvc.yaml or params.yaml
    have changed: DVC needs 0.1 to 0.3 s to read the graph, and a trial asks for it 25 times. What
    dvc.lock has may be old.
    """
    kept = _kept.get()
    if kept is None:
        with open_repository(root) as repo:
            yield repo
        return
    files = (root / layout.GRAPH, root / layout.PARAMS)
    texts = [file.read_bytes() if file.exists() else b"" for file in files]
    known = kept.get(root)
    if known is None or known[0] != texts:
        if known:
            known[1].close()
        kept[root] = texts, open_repository(root)
    yield kept[root][1]


@contextmanager
def kept_repositories() -> Iterator[None]:
    """Keep what `read_repository` has opened; .dvc files and DVC's settings must not change."""
    token = _kept.set({})
    try:
        yield
    finally:
        for _, repo in (_kept.get() or {}).values():
            repo.close()
        _kept.reset(token)


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
