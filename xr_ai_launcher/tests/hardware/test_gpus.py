"""What NVML says becomes facts; what it does not say is unknown, never wrong."""

import inspect
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from xr_ai_launcher._hardware import Gpu, GpuReport, pin_environment, read_gpus, twins

GIB = 1024**3
RTX_6000 = {
    "name": "NVIDIA RTX PRO 6000 Blackwell",
    "capability": (12, 0),
    "memory": 96 * GIB,
    "bus": "00000000:C1:00.0",
    "pci": 0x2BB110DE,
}
L40S = {"name": b"NVIDIA L40S", "capability": (8, 9), "memory": 48 * GIB, "bus": b"00000000:41:00.0", "pci": 0x26B910DE}
GB10 = {"name": "NVIDIA GB10", "capability": (12, 1), "memory": None, "bus": "0000000F:01:00.0", "pci": 0x2E1210DE}


class FakeNvml:
    """A driver with the given cards, in the words of pynvml (see the contract test below)."""

    NVMLError = pynvml.NVMLError

    def __init__(self, *cards: dict[str, Any], init_error: int | None = None, count_error: int | None = None) -> None:
        self.cards, self.init_error, self.count_error = cards, init_error, count_error
        self.open = 0

    def nvmlInit(self) -> None:
        if self.init_error is not None:
            raise pynvml.NVMLError(self.init_error)
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        if self.count_error is not None:
            raise pynvml.NVMLError(self.count_error)
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> dict[str, Any]:
        return self.cards[index]

    def nvmlDeviceGetName(self, handle: dict[str, Any]) -> Any:
        return handle["name"]

    def nvmlDeviceGetCudaComputeCapability(self, handle: dict[str, Any]) -> list[int]:
        return list(handle["capability"])

    def nvmlDeviceGetMemoryInfo(self, handle: dict[str, Any], version: Any = None) -> Any:
        if handle["memory"] is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(total=handle["memory"])

    def nvmlDeviceGetPciInfo(self, handle: dict[str, Any]) -> Any:
        return SimpleNamespace(busId=handle["bus"], pciDeviceId=handle["pci"])


@pytest.mark.parametrize("name", [name for name in vars(FakeNvml) if name.startswith("nvml")])
def test_the_fake_has_the_functions_of_the_real_library(name: str) -> None:
    real = list(inspect.signature(getattr(pynvml, name)).parameters)
    fake = list(inspect.signature(getattr(FakeNvml(), name)).parameters)
    assert len(fake) <= len(real)


def test_the_real_structures_have_the_fields_that_are_read() -> None:
    assert {"busId", "pciDeviceId"} <= {name for name, *_ in pynvml.nvmlPciInfo_t._fields_}
    assert "total" in {name for name, *_ in pynvml.c_nvmlMemory_t._fields_}


def test_cards_are_listed_in_pci_order_with_all_facts() -> None:
    nvml = FakeNvml(RTX_6000, L40S)
    first, second = read_gpus(nvml).gpus
    assert first == Gpu(0, "NVIDIA L40S", (8, 9), 48 * GIB, "0000:41:00.0", 0x10DE, 0x26B9)
    assert second == Gpu(1, "NVIDIA RTX PRO 6000 Blackwell", (12, 0), 96 * GIB, "0000:c1:00.0", 0x10DE, 0x2BB1)
    assert nvml.open == 0


def test_a_card_that_shares_memory_with_the_cpu_has_no_figure_rather_than_a_wrong_one() -> None:
    (card,) = read_gpus(FakeNvml(GB10)).gpus
    assert card.memory_bytes is None
    assert str(card) == "NVIDIA GB10 (capability 12.1, memory unknown)"


def test_no_driver_is_no_gpu_and_no_error() -> None:
    report = read_gpus(FakeNvml(init_error=pynvml.NVML_ERROR_DRIVER_NOT_LOADED))
    assert report.gpus == ()
    assert report.is_known
    assert str(report) == "no GPU (no NVIDIA driver: Driver Not Loaded)"


def test_a_driver_without_cards_says_so() -> None:
    assert str(read_gpus(FakeNvml())) == "no GPU (the NVIDIA driver lists no card)"


def test_a_driver_that_fails_is_not_taken_for_a_machine_without_cards() -> None:
    nvml = FakeNvml(L40S, count_error=pynvml.NVML_ERROR_UNKNOWN)
    report = read_gpus(nvml)
    assert not report.is_known
    assert "cannot be asked" in str(report)
    assert nvml.open == 0


def test_the_real_library_gives_an_answer_here_whatever_this_machine_has() -> None:
    report = read_gpus()
    assert isinstance(report, GpuReport)
    assert report.gpus or report.note


def test_the_pin_names_the_same_card_to_cuda_vulkan_and_dri() -> None:
    """W30: Vulkan's loader understands no PCI address, and CUDA counts in PCI order only when told to."""
    report = read_gpus(FakeNvml(RTX_6000, L40S))
    assert pin_environment(report.gpus[1], report) == {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": "1",
        "VK_LOADER_DEVICE_SELECT": "0x10de:0x2bb1",
        "MESA_VK_DEVICE_SELECT": "10de:2bb1!",
        "DRI_PRIME": "pci-0000_c1_00_0",
    }


def test_of_two_cards_of_one_model_vulkan_is_told_the_address_alone() -> None:
    """`vendor:device` would choose the first of the two whichever is meant, and overrule the address."""
    report = read_gpus(FakeNvml(RTX_6000, {**RTX_6000, "bus": "00000000:E1:00.0"}, L40S))
    _, first, second = report.gpus
    assert twins(second, report) == [first]
    assert twins(report.gpus[0], report) == []
    pins = pin_environment(second, report)
    assert "MESA_VK_DEVICE_SELECT" not in pins
    assert pins["DRI_PRIME"] == "pci-0000_e1_00_0"
    assert pins["CUDA_VISIBLE_DEVICES"] == "2"


def test_a_card_without_pci_facts_is_pinned_for_cuda_only() -> None:
    card = Gpu(0, "virtual card")
    assert set(pin_environment(card, GpuReport((card,)))) == {"CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES"}
