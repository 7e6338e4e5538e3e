"""The NVIDIA GPUs of this machine and their driver, read from NVML without TensorFlow."""

from typing import NamedTuple

import pynvml


class Gpu(NamedTuple):
    """A GPU of this machine, whether CUDA_VISIBLE_DEVICES hides it or not."""

    name: str
    memory_bytes: int


class Driver(NamedTuple):
    """NVIDIA's driver."""

    version: str
    cuda: str  # the newest CUDA version that it supports


class Hardware(NamedTuple):
    """What NVML finds: without a driver no GPU can be named."""

    driver: Driver | None
    gpus: list[Gpu]


def find_hardware() -> Hardware:
    """Return the driver and the GPUs; without a driver that answers, None and no GPUs."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return Hardware(None, [])
    try:
        return Hardware(_driver(), _gpus())
    finally:
        pynvml.nvmlShutdown()


def _driver() -> Driver:
    number = pynvml.nvmlSystemGetCudaDriverVersion()  # 12040 is 12.4
    cuda = f"{number // 1000}.{number % 1000 // 10}"
    return Driver(pynvml.nvmlSystemGetDriverVersion(), cuda)


def _gpus() -> list[Gpu]:
    handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
    return [
        Gpu(pynvml.nvmlDeviceGetName(each), pynvml.nvmlDeviceGetMemoryInfo(each).total)
        for each in handles
    ]
