"""What this machine has: graphics cards, as NVML reports them, and how to pin a program to one."""

from xr_ai_launcher._hardware.gpus import Gpu, GpuReport, read_gpus
from xr_ai_launcher._hardware.pinning import pin_environment, twins

__all__ = ("Gpu", "GpuReport", "pin_environment", "read_gpus", "twins")
