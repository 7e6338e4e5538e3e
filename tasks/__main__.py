"""Runs one stage in the current folder: python -m tasks STAGE."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from lockstep.config.reading import load_params
from lockstep.config.schema import Params
from lockstep.config.versions import check_versions
from lockstep.process.environment import prepare_environment
from lockstep.process.exit_codes import exit_code
from lockstep.process.runner import end_with_runner
from lockstep.runtime import devices
from lockstep.runtime.tensorflow_import import load_tensorflow

USE_TENSORFLOW = ("build", "train", "evaluate")


def main(arguments: list[str]) -> int:
    """Run the named stage and return its exit code."""
    known = stage_names()
    if len(arguments) != 1 or arguments[0] not in known:
        print(f"usage: python -m tasks {{{','.join(known)}}}", file=sys.stderr)
        return 2
    (stage,) = arguments
    end_with_runner()
    with exit_code(stage) as outcome:
        run_stage(stage, Path.cwd())
    return outcome.code


def stage_names() -> list[str]:
    """Return the names of the stages: the files in tasks/ without an underscore in front."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


def run_stage(name: str, root: Path) -> None:
    """Check the parameters, then run a stage in a workspace, in this process."""
    values = load_params(root)
    if name == "train":
        devices.replicas(values)  # too many are told before TensorFlow's slow import
    check_versions(root)
    prepare_environment(root)
    if name in USE_TENSORFLOW:
        load_tensorflow()
    stage: Callable[[Params, Path], None] = getattr(import_module(f"tasks.{name}"), name)
    stage(values, root)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
