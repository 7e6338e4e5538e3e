"""One of two experiments, revisions or workspaces, with all that its results are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockstep.config.graph_stages import GraphStage, stages_of
from lockstep.config.versions import FILE as VERSIONS
from lockstep.config.yaml_files import parse_yaml
from lockstep.storage import layout
from lockstep.storage.git_objects import find_files, read_objects
from lockstep.storage.history import tree_of
from lockstep.versioning import experiment_state
from lockstep.versioning.compared import compared
from lockstep.versioning.recorded import Stages, stages_in
from lockstep.versioning.stage_order import needed_for

LIBRARIES, IGNORED = Path(VERSIONS), Path(".dvcignore")
READ = (layout.GRAPH, layout.LOCK, layout.METRICS, layout.REQUIREMENTS, LIBRARIES, IGNORED)


@dataclass(frozen=True)
class Side:
    """An experiment, a revision, or the workspace."""

    name: str
    commit: str  # empty for the workspace
    tree: str  # git's id of all its files
    raw: Mapping[str, Any]  # params.yaml
    graph: Mapping[str, GraphStage]  # dvc.yaml
    stages: Stages  # dvc.lock
    metrics: Mapping[str, float | None]
    files: Mapping[Path, bytes]  # of those in READ the ones that it has

    def text(self, path: Path) -> str:
        """Return the text of one of the files READ; empty if it hasn't got it."""
        return self.files.get(path, b"").decode(errors="replace")

    @property
    def stages_tested(self) -> set[str]:
        """The names of the stages that the test metrics come from, without later ones."""
        deps = {name: stage.deps for name, stage in self.graph.items()}
        outs = {name: stage.outs for name, stage in self.graph.items()}
        return needed_for(str(layout.METRICS), deps, outs)

    @property
    def problem(self) -> str:
        """Why its test metrics aren't those of its parameters; empty if they are."""
        metrics = self.files.get(layout.METRICS, b"")
        return experiment_state.state(self.raw, self.stages, metrics, "")[1]


def read_side(root: Path, name: str) -> Side:
    """Return a DVC experiment, a git revision, or the workspace; raises as `compared` does."""
    found = compared(root, name)
    tree = tree_of(root, found.commit) if found.commit else _workspace_tree(root)
    files = _in_tree(root, tree) if found.commit else _in_folder(root)
    texts = {path: each.decode(errors="replace") for path, each in files.items()}
    graph = parse_yaml(texts.get(layout.GRAPH, ""), layout.GRAPH)
    stages = stages_in(texts.get(layout.LOCK, ""), found.name)
    made = stages_of(graph, found.raw)
    return Side(found.name, found.commit, tree, found.raw, made, stages, found.metrics, files)


def _in_tree(root: Path, tree: str) -> dict[Path, bytes]:
    (ids,) = find_files(root, [tree], READ)
    contents = dict(read_objects(root, ids.values()))
    return {path: contents[each] for path, each in ids.items()}


def _in_folder(root: Path) -> dict[Path, bytes]:
    return {path: (root / path).read_bytes() for path in READ if (root / path).exists()}


def _workspace_tree(root: Path) -> str:
    from lockstep.versioning.difference import workspace_tree  # imports DVC

    return workspace_tree(root)
