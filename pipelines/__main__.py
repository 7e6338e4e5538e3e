"""The command line: lockstep COMMAND."""

import argparse
import sys
from importlib.metadata import version


def main() -> int:
    """Run the command that the arguments name, and return its exit code."""
    parser = argparse.ArgumentParser("lockstep", description="Reproducible, distributed Keras.")
    parser.add_argument("--version", action="version", version=version("lockstep"))
    parser.parse_args()
    parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
