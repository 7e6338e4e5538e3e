"""Vega's JavaScript in the project, with which the page of `dvc plots show` needs no network.

.dvc/plots/page.html looks for it. DVC's own page loads it from the network each time.
"""

import sys
from importlib.resources import files
from pathlib import Path

from lockstep.storage import atomic_files, layout

PACKAGE = "js_lib_vega_embed"


def copy_vega(root: Path) -> None:
    """Copy Vega, Vega-Lite and Vega-Embed, one after another in one file, from their package."""
    source = files(PACKAGE) / "static" / PACKAGE / "vega-embed-full.js"
    atomic_files.write_text(root / layout.VEGA, source.read_text(encoding="utf-8"))


if __name__ == "__main__":
    copy_vega(Path(sys.argv[1]))
