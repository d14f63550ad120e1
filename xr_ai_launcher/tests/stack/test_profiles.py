"""The hardware chooses a profile, or the choice is refused with the facts: never a silent wrong one."""

from pathlib import Path
from typing import Any

import pytest

from xr_ai_launcher._hardware import Gpu, GpuReport
from xr_ai_launcher._stack.load import load

GIB = 1024**3
STACKS = Path(__file__).parents[3] / "stacks"


def card(name: str, capability: tuple[int, int], gib: int | None, index: int = 0) -> Gpu:
    memory = None if gib is None else gib * GIB
    return Gpu(index, name, capability, memory, f"0000:0{index}:00.0", 0x10DE, 0x1234)


NOTHING = GpuReport(note="no NVIDIA driver")
SPARK = GpuReport((card("NVIDIA GB10", (12, 1), None),))
SPARK_WITH_FIGURE = GpuReport((card("NVIDIA GB10", (12, 1), 119),))
RTX_PRO = GpuReport((card("NVIDIA RTX PRO 6000 Blackwell", (12, 0), 96),))
TWO_L40S = GpuReport((card("NVIDIA L40S", (8, 9), 48), card("NVIDIA L40S", (8, 9), 48, 1)))
ONE_L40S = GpuReport((card("NVIDIA L40S", (8, 9), 48),))
H200 = GpuReport((card("NVIDIA H200", (9, 0), 141),))
B100 = GpuReport((card("NVIDIA B100", (10, 0), 180),))
MIXED = GpuReport((card("NVIDIA T400", (7, 5), 4), card("NVIDIA RTX PRO 6000 Blackwell", (12, 0), 96, 1)))
SILENT = GpuReport(note="the NVIDIA driver does not answer", is_known=False)


@pytest.mark.parametrize("stack", ["xr_render_demo.yaml", "model_servers.yaml"])
@pytest.mark.parametrize(
    ("report", "profile"),
    [
        (NOTHING, "embedded"),
        (SPARK, "spark"),
        (SPARK_WITH_FIGURE, "spark"),
        (RTX_PRO, "96G_blackwell"),
        (MIXED, "96G_blackwell"),
        (B100, "96G_blackwell"),
        (TWO_L40S, "dual_48G_ada"),
    ],
)
def test_the_demo_chooses_its_profile_by_what_the_machine_has(stack: str, report: GpuReport, profile: str) -> None:
    loaded = load(STACKS / stack, read_report=lambda: report)
    assert loaded.plan.profile == profile
    assert str(report) in loaded.plan.profile_reason


@pytest.mark.parametrize("report", [ONE_L40S, H200, SILENT])
def test_hardware_that_no_profile_knows_is_an_error_with_the_facts(folder: Any, report: GpuReport) -> None:
    """W28: the public launcher takes any unknown GPU for two Ada cards."""
    loaded = load(STACKS / "model_servers.yaml", read_report=lambda: report)
    (problem,) = loaded.problems
    text = str(problem)
    assert "no profile fits this machine" in text
    assert "spark wants gpu GB10" in text
    assert str(report) in text
    assert "choose one with --profile NAME" in text


def test_the_command_line_overrides_the_hardware(folder: Any) -> None:
    text = """\
        stack: s
        roles: {web: {command: python}}
        profiles: {none: {match: {gpus: 0}}, big: {match: {memory: ">=90GiB"}}, by-hand: {}}
        """
    assert folder.load(text).plan.profile == "none"
    plan = folder.load(text, profile="by-hand").plan
    assert (plan.profile, plan.profile_reason) == ("by-hand", "chosen by --profile")
    assert folder.errors(text, profile="bigg") == ["stack.yaml:3:1: profiles: no profile `bigg`; did you mean `big`?"]


def test_a_stack_without_profiles_cannot_be_asked_for_one(folder: Any) -> None:
    (error,) = folder.errors("stack: s\nroles: {web: {command: python}}\n", profile="spark")
    assert error.endswith("no profile `spark`: the stack has no profiles; leave out --profile")


def test_profiles_without_match_are_only_chosen_by_name(folder: Any) -> None:
    text = "stack: s\nroles: {web: {command: python}}\nprofiles: {debug: {env: {A: 1}}}\n"
    assert folder.load(text).plan.profile is None
    assert folder.role(text, profile="debug").env == {"A": "1"}


def test_a_profile_that_names_the_card_beats_one_that_describes_it(folder: Any) -> None:
    text = """\
        stack: s
        roles: {web: {command: python}}
        profiles: {modern: {match: {capability: ">=10"}}, spark: {match: {gpu: gb10}}}
        """
    assert folder.load(text, report=SPARK).plan.profile == "spark"
    assert folder.load(text, report=RTX_PRO).plan.profile == "modern"


@pytest.mark.parametrize(
    ("match", "report", "fits"),
    [
        ("{gpus: 0}", NOTHING, True),
        ("{gpus: 0}", ONE_L40S, False),
        ("{gpus: 2}", TWO_L40S, True),
        ('{gpus: ">=2", memory: ">=90GiB"}', MIXED, False),
        ('{capability: "<8"}', MIXED, True),
        ('{capability: ">=8.9 <9"}', TWO_L40S, True),
        ('{capability: ">=8.10"}', TWO_L40S, False),
        ("{capability: 8.9}", TWO_L40S, True),
        ('{memory: ">=48GiB"}', ONE_L40S, True),
        ('{memory: ">50GB"}', ONE_L40S, True),
        ('{memory: ">=1GiB"}', SPARK, False),
        ("{}", ONE_L40S, True),
        ("{}", NOTHING, False),
    ],
)
def test_match_rules(folder: Any, match: str, report: GpuReport, fits: bool) -> None:
    text = f"stack: s\nroles: {{web: {{command: python}}}}\nprofiles: {{p: {{match: {match}}}}}\n"
    if fits:
        assert folder.load(text, report=report).plan.profile == "p"
    else:
        assert "no profile fits this machine" in folder.errors(text, report=report)[0]


def test_a_role_is_pinned_to_its_card_and_one_that_is_not_there_is_a_warning(folder: Any) -> None:
    text = "stack: s\nroles: {web: {command: python, gpu: 1, env: {DRI_PRIME: mine}}}\n"
    loaded = folder.load(text, report=TWO_L40S)
    assert loaded.plan.roles[0].env == {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": "1",
        "VK_LOADER_DEVICE_SELECT": "0x10de:0x1234",
        "DRI_PRIME": "mine",
    }
    loaded = folder.load(text, report=ONE_L40S)
    assert loaded.plan.roles[0].env == {"DRI_PRIME": "mine"}
    (warning,) = loaded.plan.warnings
    assert warning.startswith("stack.yaml:2:37: web is not pinned: no card 1 here; found 0: NVIDIA L40S")
