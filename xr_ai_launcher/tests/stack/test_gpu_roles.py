"""`gpu:` on a role: the same card for everything the role does, or a warning and no pin."""

import json
from typing import Any

import pytest

from xr_ai_launcher._hardware import Gpu, GpuReport
from xr_ai_launcher.cli import main

L4 = Gpu(0, "NVIDIA L4", (8, 9), 24 << 30, "0000:1e:00.0", 0x10DE, 0x27B8)
TWIN = Gpu(1, "NVIDIA L4", (8, 9), 24 << 30, "0000:3e:00.0", 0x10DE, 0x27B8)
STACK = "stack: s\nroles: {web: {command: [sh], gpu: 0, env: {DRI_PRIME: mine}}}\n"


def test_a_role_gets_the_pins_of_its_card_and_its_own_env_wins(folder: Any) -> None:
    env = folder.role(STACK, report=GpuReport((L4,))).env
    assert env["CUDA_VISIBLE_DEVICES"] == "0"
    assert env["VK_LOADER_DEVICE_SELECT"] == "0x10de:0x27b8"
    assert env["DRI_PRIME"] == "mine"


@pytest.mark.parametrize("report", [GpuReport(note="no NVIDIA driver"), GpuReport((L4,))])
def test_an_unknown_index_is_a_warning_and_no_pin(folder: Any, report: GpuReport) -> None:
    plan = folder.load(STACK.replace("gpu: 0", "gpu: 3"), report=report).plan
    assert plan.roles[0].env == {"DRI_PRIME": "mine"}
    (warning,) = plan.warnings
    assert warning.startswith("stack.yaml:2:35: web is not pinned: no card 3 here; found ")


def test_cards_of_one_model_are_said_to_be_hard_to_tell_apart(folder: Any) -> None:
    plan = folder.load(STACK, report=GpuReport((L4, TWIN))).plan
    (warning,) = plan.warnings
    assert "cards 0 and 1 are of one model" in warning
    assert "Mesa's device-select layer" in warning


def test_a_role_that_is_off_is_neither_pinned_nor_warned_about(folder: Any) -> None:
    def never() -> GpuReport:
        raise AssertionError("nobody needs to know")

    from xr_ai_launcher._stack.load import load

    path = folder.write(STACK.replace("gpu: 0", "gpu: 0, enabled: false"))
    assert load(path, read_report=never).plan.warnings == ()


def test_doctor_and_plan_show_the_pins(
    folder: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = GpuReport((L4, TWIN))
    monkeypatch.setattr("xr_ai_launcher._hardware.read_gpus", lambda: report)
    monkeypatch.setattr("xr_ai_launcher._stack.load.load.__kwdefaults__", {"read_report": lambda: report})
    folder.write(STACK)
    main(["doctor"])
    assert "DRI_PRIME=pci-0000_3e_00_0" in capsys.readouterr().out
    assert main(["plan"]) == 0
    shown = capsys.readouterr().out
    assert "gpu 0" in shown
    assert "CUDA_VISIBLE_DEVICES=0" in shown
    assert "warning: stack.yaml:2:35: cards 0 and 1" in shown
    assert main(["plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["roles"][0]["gpu"] == 0
