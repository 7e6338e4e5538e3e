"""Three lines on what a training on GPUs needs: each says what was found, and how to mend it."""

from collections.abc import Sequence

import tensorflow as tf

from lockstep.doctor.hardware import Hardware, find_hardware
from lockstep.doctor.libraries import Library, find_libraries, missing_wheels
from lockstep.runtime import devices

# The oldest Linux driver that runs programs built for any CUDA 12, by NVIDIA's release notes.
OLDEST_DRIVER = "525.60.13"
INSTALL_WHEELS = "uv pip install -e '.[gpu]'"


def find() -> list[str]:
    """Return the lines on this machine's GPUs, driver, and CUDA with cuDNN."""
    hardware = find_hardware()
    libraries = find_libraries(tf.sysconfig.get_build_info())
    return [
        gpu_line(hardware, devices.names(), devices.kind()),
        driver_line(hardware),
        libraries_line(libraries, missing_wheels(), tf.__version__),
    ]


def gpu_line(hardware: Hardware, used: Sequence[str], kind: str) -> str:
    """Return the line on GPUs; `used` are the devices that training uses, all of one `kind`."""
    uses = f"training uses {len(used)} {kind} device{'s' if len(used) > 1 else ''}"
    if not hardware.gpus and kind == "CPU":
        return f"GPU: none found, so {uses}; to train on GPUs, use a machine with NVIDIA ones"
    if not hardware.gpus:
        return f"GPU: {len(used)} found, with names that only the driver knows; {uses}"
    names = ", ".join(f"{gpu.name} ({gpu.memory_bytes / 2**30:.0f} GiB)" for gpu in hardware.gpus)
    if kind == "GPU" and len(used) == len(hardware.gpus):
        return f"GPU: {names}; {uses}"
    return f"GPU: {names}; {uses}: unset CUDA_VISIBLE_DEVICES, and don't give --device, to use all"


def driver_line(hardware: Hardware) -> str:
    """Return the line on NVIDIA's driver."""
    install = f"install NVIDIA's driver {OLDEST_DRIVER} or later from your Linux distribution"
    driver = hardware.driver
    if not driver:
        return f"driver: none found; {install}, or start your container with its GPUs"
    if _numbers(driver.version) < _numbers(OLDEST_DRIVER):
        return f"driver: {driver.version}, too old for CUDA 12; {install}"
    return f"driver: {driver.version}, for CUDA up to {driver.cuda}"


def libraries_line(libraries: Sequence[Library], missing: Sequence[str], tensorflow: str) -> str:
    """Return the line on CUDA and cuDNN; `missing` are wheels that aren't installed."""
    if not libraries:
        return f"CUDA: TensorFlow {tensorflow} is built without it; install a build that has it"
    wanted = " and ".join(f"{each.name} {each.wanted}" for each in libraries)
    found = ", ".join(
        f"{each.name} {each.found} ({each.source})" if each.found else f"no {each.name}"
        for each in libraries
    )
    line = f"CUDA: TensorFlow {tensorflow} was built for {wanted}; found {found}"
    if all(each.found and each.source.startswith("wheel") for each in libraries) and not missing:
        return line
    return f"{line}; to install all that it needs: {INSTALL_WHEELS}"


def _numbers(version: str) -> list[int]:
    return [int(each) for each in version.split(".")]
