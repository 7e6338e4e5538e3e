"""The versions of CUDA and cuDNN that TensorFlow was built for, and those that are installed."""

import ctypes
import re
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from typing import NamedTuple

EXTRA = "and-cuda"  # of the package tensorflow: NVIDIA's wheels


class Library(NamedTuple):
    """A library that TensorFlow loads for GPUs."""

    name: str
    wanted: str  # the version that TensorFlow was built for
    found: str | None  # the installed version
    source: str = ""  # where it was found: a wheel, or a library of the system


def find_libraries(build: Mapping[str, object]) -> list[Library]:
    """Return CUDA and cuDNN; `build` is tf.sysconfig.get_build_info(), empty without CUDA."""
    if not build.get("is_cuda_build"):
        return []
    cuda, cudnn = str(build["cuda_version"]), str(build["cudnn_version"])
    suffix = f"cu{_major(cuda)}"
    return [
        _library("CUDA", cuda, f"nvidia-cuda-runtime-{suffix}", "cudart", _cuda_version),
        _library("cuDNN", cudnn, f"nvidia-cudnn-{suffix}", "cudnn", _cudnn_version),
    ]


def missing_wheels() -> list[str]:
    """Return those of NVIDIA's wheels in TensorFlow's extra `and-cuda` that aren't installed."""
    listed = [each for each in requires("tensorflow") or [] if f'"{EXTRA}"' in each]
    names = (re.split(r"[^\w-]", each, maxsplit=1)[0] for each in listed)
    return [name for name in names if _wheel(name) is None]


def _library(
    name: str, wanted: str, wheel: str, soname: str, read: Callable[[ctypes.CDLL], str]
) -> Library:
    """Look for the wheel first, as TensorFlow does."""
    if found := _wheel(wheel):
        return Library(name, wanted, found, f"wheel {wheel}")
    file = f"lib{soname}.so.{_major(wanted)}"
    try:
        return Library(name, wanted, read(ctypes.CDLL(file)), file)
    except OSError:
        return Library(name, wanted, None)


def _wheel(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _major(number: str) -> str:
    return number.partition(".")[0]


def _cuda_version(library: ctypes.CDLL) -> str:
    number = ctypes.c_int()
    library.cudaRuntimeGetVersion(ctypes.byref(number))  # 12050 is 12.5
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


def _cudnn_version(library: ctypes.CDLL) -> str:
    library.cudnnGetVersion.restype = ctypes.c_size_t
    number = library.cudnnGetVersion()  # 90300 is 9.3.0
    return f"{number // 10000}.{number % 10000 // 100}.{number % 100}"
