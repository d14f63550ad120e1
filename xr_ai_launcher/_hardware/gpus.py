"""Graphics cards as NVML reports them; a machine without driver or library simply has none."""

from __future__ import annotations

import sys

from xr_ai_launcher._dataclasses import dataclass, replace

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from typing import Any

__all__ = ("Gpu", "GpuReport", "read_gpus")

_GIB = 1024**3
_NVML_LIBRARY = "libnvidia-ml.so.1"
_INSTALL_HINT = "the package nvidia-ml-py is not installed (pip install 'xr-ai-launcher[gpu]')"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card. ``index`` counts in PCI order, as CUDA does with ``CUDA_DEVICE_ORDER=PCI_BUS_ID``."""

    index: int
    name: str
    capability: tuple[int, int] | None = None
    memory_bytes: int | None = None
    """None where CPU and GPU share memory and the driver names no figure."""
    pci_address: str = ""
    """``domain:bus:device.function``, lower case."""
    pci_vendor: int = 0
    pci_device: int = 0

    def __str__(self) -> str:
        capability = "capability unknown" if self.capability is None else "capability {}.{}".format(*self.capability)
        memory = "memory unknown" if self.memory_bytes is None else f"{self.memory_bytes / _GIB:.0f} GiB"
        return f"{self.name} ({capability}, {memory})"


@dataclass(frozen=True, slots=True)
class GpuReport:
    """The cards of this machine; ``note`` says why none is seen, or what could not be read."""

    gpus: tuple[Gpu, ...] = ()
    note: str = ""
    is_known: bool = True
    """False when there may be cards that could not be asked: that is not the same as having none."""

    def __str__(self) -> str:
        if not self.is_known:
            return f"GPUs that cannot be asked ({self.note})"
        return ", ".join(f"{gpu.index}: {gpu}" for gpu in self.gpus) or f"no GPU ({self.note})"


def read_gpus(nvml: Any = None) -> GpuReport:
    """Ask NVML for all cards. ``nvml`` replaces the ``pynvml`` module in tests."""
    if nvml is None:
        if sys.platform == "linux" and not _can_load(_NVML_LIBRARY):
            return GpuReport(note=f"no NVIDIA driver: {_NVML_LIBRARY} cannot be loaded")
        try:
            nvml = __import__("pynvml")  # late: most stacks never ask
        except ImportError:
            return GpuReport(note=_INSTALL_HINT, is_known=False)
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return GpuReport(note=f"no NVIDIA driver: {error}")
    try:
        count = nvml.nvmlDeviceGetCount()
        cards = [_read_card(nvml, nvml.nvmlDeviceGetHandleByIndex(index)) for index in range(count)]
    except nvml.NVMLError as error:
        return GpuReport(note=f"the NVIDIA driver does not answer: {error}", is_known=False)
    finally:
        nvml.nvmlShutdown()
    return GpuReport(_in_pci_order(cards), "" if cards else "the NVIDIA driver lists no card")


def _can_load(library: str) -> bool:
    """Whether the dynamic loader finds a library; asked first, since importing pynvml costs 60 ms to learn the same."""
    import ctypes

    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _read_card(nvml: Any, handle: Any) -> Gpu:
    pci = nvml.nvmlDeviceGetPciInfo(handle)
    vendor_and_device = int(pci.pciDeviceId)
    return Gpu(
        index=0,
        name=_text(nvml.nvmlDeviceGetName(handle)),
        capability=_optional(nvml, lambda: tuple(nvml.nvmlDeviceGetCudaComputeCapability(handle))),
        memory_bytes=_optional(nvml, lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).total)) or None,
        pci_address=_short_address(_text(pci.busId)),
        pci_vendor=vendor_and_device & 0xFFFF,
        pci_device=vendor_and_device >> 16,
    )


def _optional(nvml: Any, read: Any) -> Any:
    """A figure that some cards do not have (GB10 reports no memory) is unknown, not an error."""
    try:
        return read()
    except nvml.NVMLError:
        return None


def _in_pci_order(cards: list[Gpu]) -> tuple[Gpu, ...]:
    ordered = sorted(cards, key=lambda card: card.pci_address)
    return tuple(replace(card, index=index) for index, card in enumerate(ordered))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _short_address(bus_id: str) -> str:
    """NVML writes the PCI domain with eight digits, everyone else with four."""
    domain, _, rest = bus_id.lower().partition(":")
    return f"{domain[-4:]}:{rest}"
