"""Makes a stack's problems easier to repair: words of other tools, a form to copy, and no mere consequences."""

import re
from collections.abc import Iterable
from dataclasses import replace

from xr_ai_config import Problem, did_you_mean
from xr_ai_launcher._stack.model import SetupModel
from xr_ai_launcher._stack.yaml_mistakes import in_plain_words

__all__ = ("explained",)

_UNKNOWN_KEY, _WRONG_TYPE, _WRONG_VALUE = "unknown key", "wrong type", "wrong value"
_DANGLING = re.compile(r"`roles\.([^.`]+)[^`]*` does not exist")

# What other launchers (compose files, process managers, unit files, Procfiles) call a thing, and what it is here.
_ELSEWHERE: dict[str, dict[str, str]] = {
    "": {
        "roles": "services processes programs procs process apps applications tasks commands",
        "stack": "name project title",
        "vars": "variables defaults",
        "env": "environment environ",
        "include": "includes extends import imports",
    },
    "roles": {
        "command": "cmd entrypoint exec exec_start execstart run start program script shell args arguments",
        "dir": "working_dir working_directory workdir cwd directory folder path",
        "env": "environment environ variables",
        "after": "depends_on dependencies depends wants needs requires_on wait_for",
        "ready": "healthcheck health_check health readiness_probe readiness liveness_probe ready_when ready_log_line",
        "ready_timeout": "timeout start_timeout start_period",
        "ports": "port expose listen",
        "on_exit": "restart_policy autorestart availability restarts on_failure",
        "stop": "shutdown kill_signal stop_signal stop_grace_period stop_timeout kill_timeout",
        "enabled": "disabled autostart",
    },
    "setup": {
        "run": "command cmd script exec",
        "creates": "outputs output generates targets target produces",
        "inputs": "sources source srcs deps watch",
        "needs": "depends_on after dependencies",
        "dir": "working_dir workdir cwd directory",
        "binary": "program tool",
    },
    "ready": {
        "tcp": "port socket",
        "http": "url get http_get",
        "exec": "command cmd run test",
        "log": "line log_line regex pattern ready_log_line",
        "file": "path exists",
    },
}
_SENTENCES = {
    ("roles", "image"): "a role is a program of this machine; a setup step can make one of an image: "
    "`binary: [{docker: {image: …, to: deps}}]`",
    ("roles", "volumes"): "programs see the files of this machine as they are: leave it out",
    ("roles", "replicas"): "write one role for each instance",
    ("", "version"): "leave it out: stack files have no version",
}
_FORMS = {
    "after": "after: [web]",
    "binary": "binary: [{path: tool}]",
    "env": "env: {NAME: value}",
    "inputs": "inputs: [src]",
    "logs": "logs: {keep: 3}",
    "match": 'match: {gpus: ">=1"}',
    "mirrors": 'mirrors: {"https://example.org/": "https://mirror.local/"}',
    "needs": "needs: [other-step]",
    "ports": "ports: {http: 8000}",
    "profiles": "profiles: {small: {match: {gpus: 0}}}",
    "ready": "ready: {tcp: 8000}",
    "requires": "requires: {npm: install Node.js}",
    "restart": "on_exit: restart` or `restart: {limit: 3}",
    "roles": "roles: {web: {command: …}}",
    "secrets": "secrets: [API_TOKEN]",
    "setup": "setup: {page: {run: …, creates: …}}",
    "stop": "stop: {signal: SIGINT, grace: 5s}",
    "vars": "vars: {name: value}",
}


def explained(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems with more helpful words, without those that another one of them brings about."""
    listed = list(problems)
    broken = {part for problem in listed for part in _parts(problem) if not _DANGLING.match(problem.message)}
    return [_explained(problem) for problem in listed if not _is_consequence(problem, broken)]


def _parts(problem: Problem) -> Iterable[str]:
    """Yield the roles in which something is not as meant: one of them, or (``*``) whatever should have been roles."""
    if problem.message not in (_UNKNOWN_KEY, _WRONG_TYPE):
        return
    place, key = _place(problem)
    if place == "roles" and problem.key_path.count(".") > 1:
        yield problem.key_path.split(".")[-2]
    elif key == "roles" or (place == "" and key in _ELSEWHERE[""]["roles"].split()):
        yield "*"


def _is_consequence(problem: Problem, broken: set[str]) -> bool:
    """Whether a reference leads nowhere only because what it means is itself not right yet."""
    missing = _DANGLING.match(problem.message)
    return missing is not None and (missing[1] in broken or "*" in broken)


def _explained(problem: Problem) -> Problem:
    if problem.message == _UNKNOWN_KEY:
        return _unknown_key(problem)
    if problem.message == _WRONG_TYPE and not problem.hint:
        return _with_form(problem)
    return in_plain_words(problem)


def _unknown_key(problem: Problem) -> Problem:
    place, key = _place(problem)
    if ":" in key:
        return replace(problem, hint=f"a space is missing after the `:`; write `{key.partition(':')[0]}: …`")
    word = key.lower().replace("-", "_")
    if (place, word) in _SENTENCES:
        return replace(problem, hint=_SENTENCES[place, word])
    for ours, others in _ELSEWHERE.get(place, {}).items():
        if word in others.split():
            return replace(problem, hint=f"here it is called `{ours}`")
    return _maybe_a_kind(problem, key) if place == "setup" else problem


def _maybe_a_kind(problem: Problem, key: str) -> Problem:
    """A key of a setup step may be a kind whose package is not installed."""
    from xr_ai_launcher._stack.kinds import installed_kind_names

    known = [*SetupModel.model_fields, *installed_kind_names()]
    hint = did_you_mean(key, known)
    package = f"if `{key}` is a kind of step that a package adds, install that package"
    return replace(problem, hint=hint or f"known keys: {', '.join(known)}; {package}")


def _with_form(problem: Problem) -> Problem:
    path = problem.key_path.split(".")
    key = path[-1].partition("[")[0]
    if problem.expected == "a list" and problem.found.startswith('text "'):
        return replace(problem, hint=f"write `{key}: [{_text(problem)}]`")
    if key in _FORMS:
        return replace(problem, hint=f"write `{_FORMS[key]}`")
    if len(path) == 2 and path[0] == "roles":
        command = _text(problem) if problem.found.startswith('text "') else "…"
        return replace(problem, hint=f"write `{key}: {{command: {command}}}`")
    return problem


def _text(problem: Problem) -> str:
    return problem.found.removeprefix("text ").strip('"')


def _place(problem: Problem) -> tuple[str, str]:
    """Return where a key stands (``""`` is the top, else its section), and the key."""
    path = problem.key_path.split(".")
    if path[0] == "profiles" and len(path) > 2:
        path = path[2:]
    if len(path) == 4 and path[0] == "roles" and path[2] == "ready":
        return "ready", path[3]
    depth = 3 if path[0] in ("roles", "setup") else 1
    return (path[0] if depth == 3 and len(path) > 1 else "", path[-1]) if len(path) <= depth else ("?", path[-1])
