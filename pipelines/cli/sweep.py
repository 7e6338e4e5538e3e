"""lockstep sweep: run many experiments, over values of parameters or over seeds."""

import json
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path

from lockstep.process import console
from pipelines.sweeps import requested
from pipelines.sweeps.definition import PRUNERS, SAMPLERS, Sweep

HELP = "run many experiments: a search, a grid, or seeds"
SYNTAX = """values of a key:
  key=a,b,c            one of these; commas in brackets or quotes don't count
  key=1..8             a whole number, both ends included
  key=0.1..0.5         a number
  key=log:1e-4..1e-1   a number, on a logarithmic scale
  key=a                the same for all trials

An interrupted sweep goes on with the same command."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the overrides, and how trials are suggested and stopped."""
    parser.formatter_class, parser.epilog = RawDescriptionHelpFormatter, SYNTAX
    add = parser.add_argument
    add("overrides", nargs="+", metavar="key=values", help="or NAME, of a file sweeps/NAME.yaml")
    add("--preset", metavar="NAME", help="one of `lockstep presets`")
    add("--trials", type=int, metavar="N", help="by default all combinations")
    add("--parallel", type=int, metavar="N", help="trials at once, by default 1")
    add("--sampler", choices=SAMPLERS, help="by default tpe, or grid without --trials")
    add("--prune", choices=PRUNERS, help="median: end a trial early that is worse than half")
    add("--objective", metavar="METRIC", help="of the validation split; default: train.monitor")
    add("--json", action="store_true", help="print one JSON object")


def act(root: Path, arguments: Namespace) -> None:
    """Print the search space, run the trials, and print the best one with its command."""
    options = {name: getattr(arguments, name) for name in requested.OPTIONS}
    run(root, requested.sweep_of(root, arguments.overrides, options), as_json=arguments.json)


def run(root: Path, sweep: Sweep, *, as_json: bool = False) -> None:
    """Check a sweep, run it, and print what it has found."""
    requested.check(root, sweep)
    for line in requested.described(sweep):
        console.say(line)
    from pipelines.sweeps import results, runner

    found = runner.run(root, sweep)
    print(json.dumps(results.as_json(found), indent=2) if as_json else results.as_text(found))
