"""The three lines on GPUs, driver, and CUDA with cuDNN."""

from typing import Any

import pynvml
import pytest

from lockstep.doctor import hardware, libraries
from lockstep.doctor.hardware import Driver, Gpu, Hardware
from lockstep.doctor.libraries import Library

H100 = Gpu("NVIDIA H100 80GB HBM3", 80 * 2**30)
BUILD = {"is_cuda_build": True, "cuda_version": "12.5.1", "cudnn_version": "9"}


@pytest.fixture
def lines(tensorflow: Any) -> Any:
    from lockstep.doctor import findings

    return findings


def test_without_a_gpu_three_lines_say_what_is_missing(lines: Any) -> None:
    gpu, driver, cuda = lines.find()
    assert gpu.startswith("GPU: none found, so training uses ")
    assert driver.startswith("driver: none found; install NVIDIA's driver 525")
    assert "was built for CUDA 12.5.1 and cuDNN 9; found no " in cuda
    assert cuda.endswith("uv pip install -e '.[gpu]'")


def test_gpus_are_named(lines: Any) -> None:
    machine = Hardware(Driver("550.54.15", "12.4"), [H100, H100])
    line = lines.gpu_line(machine, ["GPU:0", "GPU:1"], "GPU")
    name = "NVIDIA H100 80GB HBM3 (80 GiB)"
    assert line == f"GPU: {name}, {name}; training uses 2 GPU devices"
    assert "unset CUDA_VISIBLE_DEVICES" in lines.gpu_line(machine, ["GPU:0"], "GPU")
    assert "unset CUDA_VISIBLE_DEVICES" in lines.gpu_line(machine, ["CPU:0"], "CPU")
    assert lines.gpu_line(Hardware(None, []), ["GPU:0"], "GPU").startswith("GPU: 1 found, ")
    assert lines.driver_line(machine) == "driver: 550.54.15, for CUDA up to 12.4"


def test_an_old_driver_has_a_fix(lines: Any) -> None:
    line = lines.driver_line(Hardware(Driver("470.82.01", "11.4"), [H100]))
    assert line.startswith("driver: 470.82.01, too old for CUDA 12; install NVIDIA's driver 525")


def test_complete_libraries_need_no_fix(lines: Any) -> None:
    found = [
        Library("CUDA", "12.5.1", "12.9.79", "wheel nvidia-cuda-runtime-cu12"),
        Library("cuDNN", "9", "9.10.2", "wheel nvidia-cudnn-cu12"),
    ]
    assert lines.libraries_line(found, [], "2.21.0") == (
        "CUDA: TensorFlow 2.21.0 was built for CUDA 12.5.1 and cuDNN 9; found CUDA 12.9.79 "
        "(wheel nvidia-cuda-runtime-cu12), cuDNN 9.10.2 (wheel nvidia-cudnn-cu12)"
    )
    assert "uv pip install" in lines.libraries_line(found, ["nvidia-nccl-cu12"], "2.21.0")
    assert "built without it" in lines.libraries_line([], [], "2.21.0")


def test_nvml_names_the_gpus_and_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        total = 80 * 2**30

    for name, answer in {
        "nvmlInit": None, "nvmlShutdown": None, "nvmlDeviceGetCount": 2,
        "nvmlSystemGetDriverVersion": "550.54.15", "nvmlSystemGetCudaDriverVersion": 12040,
        "nvmlDeviceGetHandleByIndex": 0, "nvmlDeviceGetMemoryInfo": Memory,
        "nvmlDeviceGetName": H100.name,
    }.items():  # fmt: skip
        monkeypatch.setattr(pynvml, name, lambda *_, answer=answer: answer)
    assert hardware.find_hardware() == Hardware(Driver("550.54.15", "12.4"), [H100, H100])


def test_a_library_of_the_system_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        def cudaRuntimeGetVersion(self, number: Any) -> None:
            number._obj.value = 12050

        @property
        def cudnnGetVersion(self) -> Any:
            class Version:
                restype: Any = None

                def __call__(self) -> int:
                    return 90300

            return Version()

    monkeypatch.setattr(libraries.ctypes, "CDLL", lambda name: Found())
    cuda, cudnn = libraries.find_libraries(BUILD)
    assert (cuda.found, cuda.source) == ("12.5", "libcudart.so.12")
    assert (cudnn.found, cudnn.source) == ("9.3.0", "libcudnn.so.9")


def test_a_missing_library_is_none() -> None:
    assert [each.found for each in libraries.find_libraries(BUILD)] == [None, None]
    assert libraries.find_libraries({"is_cuda_build": False}) == []
    assert {"nvidia-cudnn-cu12", "nvidia-nccl-cu12"} <= set(libraries.missing_wheels())
