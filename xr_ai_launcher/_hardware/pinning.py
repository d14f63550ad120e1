"""The environment that keeps CUDA, Vulkan and DRI of one program on the same card."""

from xr_ai_launcher._hardware.gpus import Gpu

__all__ = ("pin_environment",)


def pin_environment(gpu: Gpu) -> dict[str, str]:
    """Return the variables that pin a program to ``gpu``.

    CUDA counts as `Gpu.index` does only in PCI order. Vulkan's loader takes hexadecimal ``vendor:device``, and DRI
    (Mesa) the PCI address with underscores.
    """
    environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(gpu.index)}
    if gpu.pci_vendor:
        environment["VK_LOADER_DEVICE_SELECT"] = f"0x{gpu.pci_vendor:04x}:0x{gpu.pci_device:04x}"
    if gpu.pci_address:
        environment["DRI_PRIME"] = "pci-" + gpu.pci_address.replace(":", "_").replace(".", "_")
    return environment
