"""Run a stage in a process that ends by SIGKILL before or after its Nth rename of a file or folder.

python -m tests.faults.killed before|after N STAGE
python -m tests.faults.killed before|after all STAGE FOLDER

All that the stages write gets its final name by a rename. `all` kills at each rename in turn: in
FOLDER it makes a copy of the current folder for each, named by the number, in which the stage is
killed and then run again. It imports the stage once and forks, which TensorFlow doesn't allow.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any


def _end_at(when: str, number: int) -> None:
    renamed = 0

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def rename(*arguments: Any, **options: Any) -> None:
            nonlocal renamed
            renamed += 1
            if renamed == number and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            original(*arguments, **options)
            if renamed == number:
                os.kill(os.getpid(), signal.SIGKILL)

        return rename

    os.rename, os.replace = wrapped(os.rename), wrapped(os.replace)


def _run(stage: str) -> None:
    from lockstep.process.environment import prepare_environment
    from tasks.__main__ import run_stage

    prepare_environment(Path.cwd())
    run_stage(stage, Path.cwd())


def _forked(folder: Path, stage: str, when: str, number: int) -> int:
    """Run a stage in a process of its own; return how it ended, negative for a signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.chdir(folder)
        _end_at(when, number)
        _run(stage)
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)


def _at_each(stage: str, when: str, folder: Path) -> None:
    import_module(f"tasks.{stage}")
    for number in count(1):
        root = shutil.copytree(Path.cwd(), folder / str(number))
        ended = _forked(root, stage, when, number)
        if ended == 0:
            shutil.rmtree(root)
            return
        if ended != -signal.SIGKILL or _forked(root, stage, when, 0):
            sys.exit(f"rename {number}: ended with {ended}, or again with an error")


def main() -> None:
    """Run the stage of the project in the current folder."""
    when, number, stage = sys.argv[1:4]
    if number == "all":
        _at_each(stage, when, Path(sys.argv[4]))
    else:
        _end_at(when, int(number))
        _run(stage)


if __name__ == "__main__":
    main()
