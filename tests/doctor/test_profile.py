"""The reader of profiles: on a composed profile of GPUs, and on a recorded one of a CPU."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.gpu_profile import Event, write_profile

ALL_REDUCE = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
STEP = [
    Event("Stream #13(Compute)", "void cudnn::ops::nchwToNhwcKernel<float>(...)", 40),
    Event("Stream #14(MemcpyH2D)", "MemcpyH2D", 2, 4),
    Event("Stream #14(MemcpyH2D)", "MemcpyH2D", 3, 3136),
    Event("Stream #15(MemcpyD2H)", "MemcpyD2H", 1, 8),
    Event("Stream #13(Compute)", "MemcpyD2D", 5, 999),
    Event("Stream #16(Compute)", ALL_REDUCE, 120),
]


@pytest.mark.parametrize("text_by_number", [True, False])
def test_copies_and_all_reduces_of_all_gpus_are_summed(
    tensorflow: Any, tmp_path: Path, text_by_number: bool
) -> None:
    from lockstep.doctor import profile

    file = write_profile(tmp_path / "a.xplane.pb", [STEP, STEP], text_by_number=text_by_number)
    found = profile.read(file)
    assert found.gpus == 2
    assert found.to_device[:2] == (4, 2 * 3140)
    assert found.to_host[:2] == (2, 16)
    assert found.all_reduces[:2] == (2, 0)
    assert found.all_reduces.seconds == pytest.approx(240e-6)
    assert found.to_device.seconds == pytest.approx(10e-6)


def test_the_all_reduces_of_older_nccls_are_known(tensorflow: Any) -> None:
    from lockstep.doctor.profile import ALL_REDUCE

    names = ("ncclKernel_AllReduce_RING_LL_Sum_float", "ncclAllReduceRingLLKernel_sum_f32")
    assert all(ALL_REDUCE.search(name) for name in names)
    assert not ALL_REDUCE.search("ncclDevKernel_Broadcast_RING_LL")


def test_a_gpu_that_did_nothing_does_not_count(tensorflow: Any, tmp_path: Path) -> None:
    from lockstep.doctor import profile

    file = write_profile(tmp_path / "a.xplane.pb", [[]])
    assert profile.read(file) == profile.Profile(0, *3 * [profile.Total()])


def test_a_step_copies_what_a_longer_graph_call_copies_more(
    tensorflow: Any, tmp_path: Path
) -> None:
    from lockstep.doctor import measure, profile

    upload = [Event("Stream #14(MemcpyH2D)", "MemcpyH2D", 9, 10_000)]
    more, less = (
        profile.read(write_profile(tmp_path / str(steps), [upload + steps * STEP]))
        for steps in (6, 2)
    )
    found = measure.per_step(more, less, 4)
    assert found.to_device == pytest.approx({"events": 2, "bytes": 3140, "seconds": 5e-6})
    assert found.all_reduces == pytest.approx({"events": 1, "bytes": 0, "seconds": 120e-6})


def test_the_profiler_runs_on_a_cpu(tensorflow: Any) -> None:
    from lockstep.doctor import profile

    called = []
    found = profile.record(lambda: called.append(tensorflow.constant(1) + 1))
    assert called
    assert found.gpus == 0
