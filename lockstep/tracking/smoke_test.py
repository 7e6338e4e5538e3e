"""Load a packed model in a new process, as its users do, and compare what it gives.

Run as a program, this file imports nothing of the project.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 1e-3  # of the largest expected output


def served_differently(folder: Path, raw: Any, expected: np.ndarray) -> str:
    """Return how a packed model's outputs for raw examples differ from those expected, or ''.

    Outputs of several targets are side by side. Those of a model that gives other outputs at each
    call only have to be numbers.
    """
    from lockstep.process.temporary_folders import temporary_folder  # not as a program

    with temporary_folder() as empty:
        arrays = raw if isinstance(raw, dict) else {"": raw}
        np.savez(empty / "raw.npz", *arrays.values(), allow_pickle=False)
        (empty / "names.json").write_text(json.dumps(list(arrays)), encoding="utf-8")
        np.save(empty / "expected.npy", expected)
        # Isolated: without PYTHONPATH, and with an empty folder as the current one.
        command = [sys.executable, "-I", __file__, str(folder.resolve())]
        ended = subprocess.run(command, cwd=empty, capture_output=True, text=True, check=False)
    lines = (ended.stderr if ended.returncode else ended.stdout).strip().splitlines()
    if ended.returncode:
        return f"its process ended with {ended.returncode}: {lines[-1] if lines else 'no word'}"
    return str(json.loads(lines[-1]))


def _difference(outputs: np.ndarray, again: np.ndarray, expected: np.ndarray) -> str:
    if not np.isfinite(outputs).all():
        return "it gives outputs that aren't numbers"
    if not np.array_equal(outputs, again):
        return ""
    if outputs.shape != expected.shape:
        return f"its outputs have shape {outputs.shape}, expected {expected.shape}"
    off = np.abs(outputs.astype(np.float64) - expected)
    most = float(off.max())
    if most <= TOLERANCE * float(np.abs(expected).max()):
        return ""
    wrong = int((off.reshape(len(off), -1).max(axis=1) == most).argmax())
    return f"its outputs are off by up to {most:.4g}, in test example {wrong}"


def _examples(folder: Path) -> Any:
    import pandas as pd

    names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    with np.load(folder / "raw.npz") as stored:
        arrays = dict(zip(names, stored.values(), strict=True))
    if names != [""]:
        return pd.DataFrame(arrays) if all(each.ndim == 1 for each in arrays.values()) else arrays
    return arrays[""].tolist() if arrays[""].dtype.kind == "U" else arrays[""]


def _in_order(outputs: Any, model: Path) -> np.ndarray:
    """Return the outputs of all targets, those of several side by side."""
    if not isinstance(outputs, dict):
        return np.asarray(outputs)
    spec = json.loads((model / "artifacts" / "spec.json").read_text(encoding="utf-8"))
    names = list(spec["targets"]) or sorted(outputs, key=int)
    keys = [
        next(key for key in (name, f"{name}_scores", "scores") if key in outputs) for name in names
    ]
    arrays = [np.asarray(outputs[key]) for key in keys]
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate([each.reshape(len(each), -1) for each in arrays], axis=1)


def main() -> None:
    """Print how the model in the folder given differs from what is expected, as JSON."""
    import mlflow.pyfunc

    folder = Path(sys.argv[1])
    model, raw = mlflow.pyfunc.load_model(str(folder)), _examples(Path.cwd())
    first, second = (_in_order(model.predict(raw), folder) for _ in range(2))
    print(json.dumps(_difference(first, second, np.load("expected.npy"))))


if __name__ == "__main__":
    main()
