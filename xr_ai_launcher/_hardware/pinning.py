"""The environment that keeps CUDA, Vulkan and DRI of one program on the same card."""

from xr_ai_launcher._hardware.gpus import Gpu, GpuReport

__all__ = ("pin_environment", "twins")


def pin_environment(gpu: Gpu, report: GpuReport) -> dict[str, str]:
    """Return the variables that pin a program to ``gpu``, one of the cards in ``report``.

    - CUDA counts as `Gpu.index` does only in PCI order; its own order is "fastest first".
    - Vulkan's loader takes hexadecimal ``vendor:device`` and puts that card first (it hides none). A PCI address there,
      as other launchers of this kind write it, is not understood and changes nothing.
    - Mesa's Vulkan layer, where it is installed, serves every driver: ``vendor:device!`` leaves only that card. Of two
      cards of one model it knows the right one by ``DRI_PRIME`` alone, which the former would overrule.
    - DRI (Mesa's OpenGL) takes the PCI address with underscores.
    """
    environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(gpu.index)}
    if gpu.pci_vendor:
        environment["VK_LOADER_DEVICE_SELECT"] = f"0x{gpu.pci_vendor:04x}:0x{gpu.pci_device:04x}"
        if not twins(gpu, report):
            environment["MESA_VK_DEVICE_SELECT"] = f"{gpu.pci_vendor:04x}:{gpu.pci_device:04x}!"
    if gpu.pci_address:
        environment["DRI_PRIME"] = "pci-" + gpu.pci_address.replace(":", "_").replace(".", "_")
    return environment


def twins(gpu: Gpu, report: GpuReport) -> list[Gpu]:
    """Return the other cards of the same model, which Vulkan's loader cannot tell from ``gpu``."""
    model = (gpu.pci_vendor, gpu.pci_device)
    return [other for other in report.gpus if other != gpu and (other.pci_vendor, other.pci_device) == model]
