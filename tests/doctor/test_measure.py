"""The measurements, of real short trainings on one and two CPU devices."""

import json
from typing import Any

import pytest

WEIGHT_BYTES = 4 * (320 + 18_496 + 92_170)


@pytest.fixture(scope="module", params=[1, 2])
def measured(request: pytest.FixtureRequest, tensorflow: Any) -> Any:
    """What a tiny training on one or two CPU devices gives."""
    from lockstep.doctor.measure import measure
    from lockstep.doctor.probe import Size

    return measure("CPU", request.param, Size(examples=64, batch_size=8, steps=4, repeats=1))


def test_each_operation_has_a_device(measured: Any) -> None:
    placed, replicas = measured.placement, measured.replicas
    # Other tests' variables may be destroyed, on their devices, meanwhile. oneDNN's Conv2D has a
    # longer name.
    trained = {
        device: operations
        for device, operations in placed.operations.items()
        if any("Conv2D" in name for name in operations)
    }
    assert set(trained) == {f"CPU:{each}" for each in range(replicas)}
    assert all(operations["AssignAddVariableOp"] > 0 for operations in trained.values())
    ways = {"CPU:0 to CPU:1", "CPU:1 to CPU:0"} if replicas > 1 else set()
    assert set(placed.sent) == ways
    assert placed.on_host() == {}


def test_memory_is_estimated_from_shapes(measured: Any) -> None:
    estimate = measured.estimate
    assert estimate.gradients == WEIGHT_BYTES
    assert WEIGHT_BYTES <= estimate.weights < WEIGHT_BYTES + 100  # and the metrics'
    assert 2 * WEIGHT_BYTES < estimate.optimizer < 2 * WEIGHT_BYTES + 100  # Adam's
    assert estimate.data == 64 * (28 * 28 + 8)
    # Of each replica's 8 images: the inputs, the two convolutions' outputs, and smaller ones.
    largest = 8 * 4 * (28 * 28 + 26 * 26 * 32 + 24 * 24 * 64)
    assert largest < estimate.activations < 2 * largest
    assert measured.peak_bytes is None


def test_the_gradients_are_reduced_once_in_a_step(measured: Any) -> None:
    traced = measured.traced
    expected = (1, WEIGHT_BYTES) if measured.replicas > 1 else (0, 0)
    assert (traced.all_reduces, traced.all_reduce_bytes) == expected


def test_speeds_and_bits_are_measured(measured: Any) -> None:
    assert all(each > 0 for each in measured.speed)
    assert measured.same_bits
    assert measured.copies.gpus == 0


def test_the_report_has_a_line_for_each(measured: Any) -> None:
    from lockstep.doctor import report

    lines = report.lines(measured)
    assert any("copied between host and device in a step: needs a GPU" in line for line in lines)
    assert any("TensorFlow counts it on GPUs only" in line for line in lines)
    several = [line for line in lines if line.startswith(("all-reduces", "speed-up"))]
    assert len(several) == (2 if measured.replicas > 1 else 0)
    assert lines[-1] == "two runs from the same seed: the same bits"
    loaded = json.loads(json.dumps(report.as_dict(measured)))
    assert loaded["estimate"]["gradients"] == WEIGHT_BYTES


def test_the_report_on_gpus_has_the_figures_of_the_profile(measured: Any) -> None:
    from lockstep.doctor import report
    from lockstep.doctor.measure import Copies
    from lockstep.doctor.placement import Placement
    from lockstep.doctor.profile import Total

    total = Total(3, 3140, 240e-6).each(1)
    found = measured._replace(
        kind="GPU",
        placement=Placement({"CPU:0": {"GatherV2": 1}, "GPU:0": {"Conv2D": 2}}, {}),
        copies=Copies(2, total, total, total),
        peak_bytes=5 * 2**20,
    )
    lines = "\n".join(report.lines(found))
    assert "on the CPU though the replicas are GPUs: 1 GatherV2" in lines
    assert "3,140 bytes to the device in 3.0 copies" in lines
    assert "memory used on a device: 5.00 MiB; estimate" in lines
    if found.replicas > 1:
        assert "120 microseconds on each GPU" in lines


def test_a_function_that_ran_before_has_no_new_graphs(tensorflow: Any) -> None:
    from lockstep.doctor.placement import executed_graphs

    double = tensorflow.function(lambda x: x * 2)
    run = lambda: double(tensorflow.constant(1.0))  # noqa: E731
    assert "Mul" in {node.op for graph in executed_graphs(run) for node in graph.node}
    assert executed_graphs(run) == []


def test_graphs_that_somebody_else_has_collected_are_left_out(tensorflow: Any) -> None:
    from tensorflow.python.eager import context

    from lockstep.doctor.placement import executed_graphs

    context.context().enable_graph_collection()
    tensorflow.function(lambda x: x * 2.0)(tensorflow.ones(3))
    graphs = executed_graphs(lambda: tensorflow.function(lambda x: x + 2.0)(tensorflow.ones(3)))
    operations = {node.op for graph in graphs for node in graph.node}
    assert "AddV2" in operations
    assert "Mul" not in operations
