"""Send experiments to MLflow again, from the files that git and DVC have of them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import takewhile
from pathlib import Path

from lockstep.config.reading import load_params
from lockstep.errors import DataError, LockstepError, ParamsError, UnavailableError
from lockstep.process import console
from lockstep.storage import git, layout
from lockstep.storage.checkout import main_checkout
from lockstep.storage.history import commits_with
from lockstep.tracking import unsent
from lockstep.tracking.recorder import send_again, send_results
from lockstep.tracking.unsent import is_unsent
from lockstep.versioning import compared, experiments, promotions
from lockstep.versioning.compared import WORKSPACE
from lockstep.versioning.forecast import SKIP, forecast
from lockstep.versioning.hashes import experiment_key
from lockstep.versioning.recorded import recorded_stages
from pipelines import workspace_files, worktrees
from pipelines.stage_runs import in_new_process

RECORDING = ("train", "evaluate", "register")  # the stages that send results
STALE = (
    "the stage train isn't up to date, or its outputs aren't in DVC's cache; expected results to "
    "send, which `lockstep run` makes"
)


def catch_up(root: Path) -> None:
    """Send the results that MLflow refused or couldn't take when they were made.

    Raises UnavailableError if it still can't, ParamsError if an experiment isn't here any more,
    DataError if its results aren't.
    """
    known = compared.experiments(root)
    missing = []
    for key, name in unsent.experiments(root).items():
        if key == experiment_key(root):
            _send_unsent(root, WORKSPACE)
        elif name in known:
            with _checked_out(root, known[name], name) as workspace:
                _send_unsent(workspace, name)
        else:
            missing.append(f"{name or 'a run without a DVC experiment'} ({_file(root, key)})")
    if missing:
        raise ParamsError(
            f"got no results of {', '.join(missing)}, expected a DVC experiment; run it again, or "
            "delete the file"
        )
    console.say("MLflow has all results")


def rebuild(root: Path) -> None:
    """Make runs, checkpoints and versions again that MLflow has lost, the oldest first.

    What it has stays as it is. The champion is the one that the last move in git's notes names.
    Raises LockstepError if some couldn't be sent, after the others.
    """
    moves = promotions.moves(root)
    known, commits = compared.experiments(root), commits_with(root, layout.LOCK)
    sent = [_sent(_checked_out(root, commit, name), name) for name, commit in known.items()]
    sent += [_sent(_checked_out(root, each, ""), "", each[:7]) for each in commits]
    sent.append(_sent(nullcontext(root), "", WORKSPACE))
    from lockstep.tracking.promotion import restore  # imports MLflow

    for line in restore(root, moves):
        console.say(line)
    if not all(sent):
        raise LockstepError(f"{sent.count(False)} of {len(sent)} weren't sent, expected all")
    console.say("MLflow has all that git and DVC have")


def _sent(checked_out: AbstractContextManager[Path], experiment: str, name: str = "") -> bool:
    """Send results, or say why they can't be sent: those of others may be."""
    try:
        with checked_out as workspace:
            _send_all(workspace, experiment, name or experiment)
    except LockstepError as error:
        console.say(f"{name or experiment}: not sent: {error}")
        return False
    return True


def _file(root: Path, key: str) -> Path:
    return main_checkout(root) / layout.UNSENT / f"{key}.json"


def _send_unsent(workspace: Path, name: str) -> None:
    if not _last_complete(workspace):
        raise DataError(f"{name}: {STALE}")
    send_again(load_params(workspace), workspace)
    if is_unsent(workspace):
        raise UnavailableError(f"{name}: MLflow still lacks results; start it and sync again")
    console.say(f"{name}: sent")


def _send_all(workspace: Path, experiment: str, name: str) -> None:
    """Send a workspace's results; a model that was registered is registered by its stage."""
    if RECORDING[0] not in recorded_stages(workspace):
        return
    stage = _last_complete(workspace)
    if not stage:
        raise DataError(STALE)
    if stage == "register":
        _register(workspace, experiment)
    else:
        send_results(load_params(workspace), workspace, stage)
        if is_unsent(workspace):
            raise UnavailableError("MLflow lacks results")
    console.say(f"{name}: sent, up to {stage}")


def _last_complete(workspace: Path) -> str:
    """Return the last stage whose results are of the workspace's parameters, data and code.

    Others may be of an experiment that was there before. It is empty if `train` is none.
    """
    complete = takewhile(lambda each: each.action == SKIP, forecast(workspace))
    return next((each.stage for each in reversed([*complete]) if each.stage in RECORDING), "")


def _register(workspace: Path, experiment: str) -> None:
    variables = {promotions.AGAIN: "1"} | ({experiments.NAME: experiment} if experiment else {})
    in_new_process(workspace, "register", variables)


@contextmanager
def _checked_out(root: Path, commit: str, name: str) -> Iterator[Path]:
    """Yield a workspace with an experiment's files, as it was before DVC saved it.

    `name` is the experiment's, and empty for a commit of a branch.
    """
    main = main_checkout(root)
    workspace = worktrees.add(root, commit)
    try:
        if name:  # what differs from the commit that it was started at, names its run
            git.done(workspace, "reset", "--quiet", "HEAD^")
        experiments.share_cache(main, workspace)
        workspace_files.link_data(root, workspace)
        experiments.checkout(workspace)
        yield workspace
    finally:
        worktrees.remove(root, workspace)
