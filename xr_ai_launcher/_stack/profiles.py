"""Chooses the profile for this machine, or says why none fits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xr_ai_config import ConfigError, Mark, Problem, did_you_mean, one_of
from xr_ai_launcher._hardware import Gpu, GpuReport
from xr_ai_launcher._stack.comparison import (
    Comparison,
    capability_number,
    compare_capability,
    compare_count,
    compare_memory,
)
from xr_ai_launcher._stack.model import MatchModel, ProfileModel

__all__ = ("Choice", "choose_profile")

_AT_LEAST_ONE = ">=1"


@dataclass(frozen=True, slots=True)
class Choice:
    """The profile to use (None: the stack as it is) and why."""

    name: str | None
    reason: str


def choose_profile(
    profiles: Mapping[str, ProfileModel], requested: str | None, read_report: Callable[[], GpuReport], mark: Mark | None
) -> Choice:
    """Return the requested profile, or the one whose ``match`` fits; ``mark`` is where the stack lists its profiles.

    Hardware is only asked when it decides. A profile that names a card wins over one that describes it.

    Raises:
        ConfigError: no such profile, none fits, or several do.
    """
    if requested is not None:
        return _requested(profiles, requested, mark)
    matching = {name: profile.match for name, profile in profiles.items() if profile.match is not None}
    if not matching:
        return Choice(None, "the stack has no profile that is chosen by hardware")
    report = read_report()
    fitting = [name for name, match in matching.items() if _fits(match, report)]
    named = [name for name in fitting if matching[name].gpu is not None]
    chosen = named if len(named) == 1 else fitting
    if len(chosen) == 1:
        return Choice(chosen[0], _reason(report))
    raise ConfigError([_undecided(chosen, matching, report, mark)])


def _requested(profiles: Mapping[str, ProfileModel], requested: str, mark: Mark | None) -> Choice:
    if requested in profiles:
        return Choice(requested, "chosen by --profile")
    if not profiles:
        raise ConfigError(
            [Problem(f"no profile `{requested}`: the stack has no profiles", mark, hint="leave out --profile")]
        )
    hint = did_you_mean(requested, profiles) or f"profiles: {one_of(profiles)}"
    raise ConfigError([Problem(f"no profile `{requested}`", mark, "profiles", hint=hint)])


def _fits(match: MatchModel, report: GpuReport) -> bool:
    if not report.is_known:
        return False
    count = compare_count(_AT_LEAST_ONE if match.gpus is None else match.gpus)
    return count.holds(sum(_card_fits(match, gpu) for gpu in report.gpus))


def _card_fits(match: MatchModel, gpu: Gpu) -> bool:
    capability = None if gpu.capability is None else capability_number(*gpu.capability)
    conditions: list[tuple[Comparison, float | None]] = []
    if match.capability is not None:
        conditions.append((compare_capability(match.capability), capability))
    if match.memory is not None:
        conditions.append((compare_memory(match.memory), gpu.memory_bytes))
    has_name = match.gpu is None or match.gpu.lower() in gpu.name.lower()
    return has_name and all(comparison.holds(value) for comparison, value in conditions)


def _reason(report: GpuReport) -> str:
    return f"this machine has {report}"


def _undecided(chosen: list[str], matching: Mapping[str, MatchModel], report: GpuReport, mark: Mark | None) -> Problem:
    facts = [f"{name} wants {_wants(match)}" for name, match in matching.items()]
    facts.append(f"this machine has {report}")
    several = f"profiles {' and '.join(chosen)} both fit this machine"
    options = one_of(f"--profile {name}" for name in chosen) or "--profile NAME"
    return Problem(
        several if chosen else "no profile fits this machine",
        mark,
        "profiles",
        hint=f"choose one with {options}, or add a profile for this machine"
        + "".join(f"\n          {fact}" for fact in facts),
    )


def _wants(match: MatchModel) -> str:
    facts = {"gpus": match.gpus, "gpu": match.gpu, "capability": match.capability, "memory": match.memory}
    return ", ".join(f"{key} {value}" for key, value in facts.items() if value is not None) or "any GPU"
