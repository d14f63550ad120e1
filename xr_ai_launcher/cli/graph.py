"""``xrstack graph``: which role waits for which, and which mentions which."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from xr_ai_launcher.cli import _options as options
from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from xr_ai_launcher._stack.load import LoadedStack

__all__ = ("graph",)


@verb
def graph(
    stack: options.StackArgument = None,
    profile: options.ProfileOption = None,
    file: options.OverlayOption = None,
    set_: options.SetOption = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Write a Mermaid diagram.")] = False,
    json_: options.JsonOption = False,
) -> int:
    """Draw the roles: who waits for whom (after), and who uses whose address."""
    from xr_ai_launcher._api import open_stack

    loaded = open_stack(options.find_stack(stack), options.stack_options(profile, file, set_))
    if json_:
        edges = [{"from": user, "to": used, "kind": kind} for user, used, kind in _edges(loaded)]
        roles = [role.name for role in loaded.plan.enabled_roles]
        _output.data(json.dumps({"roles": roles, "edges": edges}, indent=2))
    else:
        _output.data("\n".join(_mermaid(loaded) if mermaid else _text(loaded)))
    return ExitCode.OK


def _edges(loaded: "LoadedStack") -> list[tuple[str, str, str]]:
    enabled = {role.name for role in loaded.plan.enabled_roles}
    waits = [(role.name, other, "after") for role in loaded.plan.enabled_roles for other in role.after]
    uses = [(user, used, "uses") for user, used in sorted(loaded.uses)]
    return [edge for edge in waits + uses if edge[0] in enabled and edge[1] in enabled]


def _text(loaded: "LoadedStack") -> Iterator[str]:
    edges = _edges(loaded)
    for role in loaded.plan.enabled_roles:
        ports = ", ".join(f"{key} {port}" for key, port in role.ports.items())
        yield f"{role.name}  ({ports})" if ports else role.name
        for user, used, kind in edges:
            if user == role.name:
                yield f"  {'waits for' if kind == 'after' else 'uses'} {used}"


def _mermaid(loaded: "LoadedStack") -> Iterator[str]:
    yield "flowchart LR"
    for role in loaded.plan.enabled_roles:
        ports = "".join(f"<br/>{key} {port}" for key, port in role.ports.items())
        yield f'    {role.name}["{role.name}{ports}"]'
    for user, used, kind in _edges(loaded):
        yield f"    {user} {'-->' if kind == 'after' else '-.->'} {used}"
