"""The memory of GPUs: what they have, from NVIDIA's management library, and what fits in it."""

from collections.abc import Iterable
from types import ModuleType
from typing import Any, NamedTuple

from lockstep.errors import MachineError
from lockstep.runtime import devices

# For activations, cuDNN's workspaces, and what memory fragments leave unused.
MARGIN_SHARE = 0.25
MARGIN_BYTES = 2**30  # CUDA's context alone takes up to half of this


class Memory(NamedTuple):
    """One GPU's memory in bytes."""

    name: str
    total: int
    free: int


def of_gpus() -> list[Memory]:
    """Return the memory of each GPU that CUDA_VISIBLE_DEVICES leaves visible.

    Raises MachineError if the driver's management library doesn't answer.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
        return [_memory(pynvml, handle) for handle in _visible(pynvml)]
    except pynvml.NVMLError as error:
        raise MachineError(
            f"the NVIDIA driver doesn't tell the GPUs' memory ({error}); mend the driver, or set "
            "train.data_placement device or disk instead of auto"
        ) from None


def room_for_data(memories: Iterable[Memory], model_bytes: int) -> int:
    """Return the bytes of data that fit on every GPU beside a model of `model_bytes`."""
    return min(
        each.free - model_bytes - max(MARGIN_BYTES, int(each.total * MARGIN_SHARE))
        for each in memories
    )


def gib(count: float) -> str:
    """Return bytes as text, in GiB."""
    return f"{count / 2**30:.1f} GiB"


def _visible(pynvml: ModuleType) -> list[Any]:
    chosen = devices.chosen_gpus()
    if chosen is None:
        return [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
    return [
        pynvml.nvmlDeviceGetHandleByIndex(int(each))
        if each.isdigit()
        else pynvml.nvmlDeviceGetHandleByUUID(each)
        for each in chosen
    ]


def _memory(pynvml: ModuleType, handle: Any) -> Memory:
    found = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Memory(pynvml.nvmlDeviceGetName(handle), found.total, found.free)
