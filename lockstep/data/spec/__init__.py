"""The content of data/ready: spec.json, which describes a data set, and its arrays."""

from lockstep.data.spec.examples import (
    SAMPLE_WEIGHT,
    Examples,
    Parts,
    X,
    Y,
    as_dict,
    unwrap_single,
)
from lockstep.data.spec.files import (
    Spec,
    load_examples,
    read_spec,
    read_spec_file,
    save_examples,
    write_spec,
)
from lockstep.data.spec.inputs import Input
from lockstep.data.spec.targets import Target

__all__ = [
    "SAMPLE_WEIGHT", "Examples", "Input", "Parts", "Spec", "Target", "X", "Y", "as_dict",
    "load_examples", "read_spec", "read_spec_file", "save_examples", "unwrap_single", "write_spec",
]  # fmt: skip
