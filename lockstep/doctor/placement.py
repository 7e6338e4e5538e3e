"""Where TensorFlow placed the operations of the loop's body, from the graphs that it executed.

The placement of a traced graph isn't final: TensorFlow's optimizer replaces operations afterwards.
What each device gets in the end is one partition of the graph.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from tensorflow.python.eager import context

BODY = "while/body/"  # TensorFlow puts the loop's functions into the graph, under these names
# Values that go from one device, or its host, to another.
SENT = {"_Send", "_HostSend"}
# What computes nothing.
STRUCTURE = {
    *SENT, "_Recv", "_HostRecv", "Const", "Identity", "NoOp",
    "Enter", "Exit", "Merge", "NextIteration", "Switch",
}  # fmt: skip


class Placement(NamedTuple):
    """Number of the body's operations, by device and by type, and of the values they exchange."""

    operations: dict[str, dict[str, int]]  # device -> operation type -> number
    sent: dict[str, int]  # "GPU:0 to CPU:0" -> number of values in a step

    def on_host(self) -> dict[str, int]:
        """Return the operations on CPUs if other operations are on GPUs, by type."""
        on_gpus = any(device.startswith("GPU") for device in self.operations)
        cpus = [each for each in self.operations if on_gpus and each.startswith("CPU")]
        return dict(sum((Counter(self.operations[each]) for each in cpus), Counter()))


def executed_graphs(run: Callable[[], object]) -> list[Any]:
    """Return the partitions, GraphDefs, of the functions that `run` executes for the first time.

    TensorFlow keeps what it made of a function, so a later call gives nothing.
    """
    collecting = context.context()
    collecting.enable_graph_collection()
    collecting.export_run_metadata()  # what somebody else has collected, as Keras's TensorBoard
    try:
        run()
        functions = collecting.export_run_metadata().function_graphs
    finally:
        collecting.disable_graph_collection()
    return [graph for function in functions for graph in function.partition_graphs]


def placement(graphs: list[Any]) -> Placement:
    """Return where the nodes of the loop's body are, in these partitions."""
    operations: dict[str, Counter[str]] = {}
    sent: Counter[str] = Counter()
    for node in (each for graph in graphs for each in graph.node if each.name.startswith(BODY)):
        device = _short(node.device)
        if node.op in SENT:
            sent[f"{device} to {_short(node.attr['recv_device'].s.decode())}"] += 1
        elif node.op not in STRUCTURE:
            operations.setdefault(device, Counter())[node.op] += 1
    return Placement({each: dict(operations[each]) for each in sorted(operations)}, dict(sent))


def _short(device: str) -> str:
    """Shorten /job:localhost/replica:0/task:0/device:CPU:0 to CPU:0."""
    return device.rpartition("device:")[2]
