"""Takes a step of a further kind, and holds the package that brought it responsible for what it does."""

import traceback
from collections.abc import Callable, Mapping
from os import fspath
from typing import Any, TypeVar

from xr_ai_launcher._setup.bench import Bench
from xr_ai_launcher._setup.errors import SetupError
from xr_ai_launcher._stack.plan import KindStep

_Answer = TypeVar("_Answer")


def look(step: KindStep, environment: Mapping[str, str]) -> tuple[bool, str | None]:
    """Return whether there is nothing to do, and the result.

    Raises:
        SetupError: the kind cannot be used.
    """
    kind, settings, package = _loaded(step)
    done = _ask(step, package, lambda: kind.look(settings, environment))
    return done is not None, _result(step, package, done)


def take(step: KindStep, bench: Bench) -> str | None:
    """Do what is to be done unless another launcher has, and return the result.

    Raises:
        SetupError: it cannot be done, or the kind has a bug.
    """
    kind, settings, package = _loaded(step)
    done = _ask(step, package, lambda: kind.look(settings, bench.environment) or kind.take(settings, bench))
    return _result(step, package, done)


def _loaded(step: KindStep) -> tuple[Any, Any, str]:
    from xr_ai_launcher._stack.kinds import KindError, load_kind

    try:
        installed = load_kind(step.kind)
    except KindError as error:
        raise SetupError(str(error)) from None
    settings = _ask(step, installed.package, lambda: installed.kind.settings.model_validate_json(step.settings))
    return installed.kind, settings, installed.package


def _ask(step: KindStep, package: str, question: Callable[[], _Answer]) -> _Answer:
    try:
        return question()
    except (SetupError, OSError):
        raise
    except Exception as error:  # code of somebody else: the user should learn whose
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        raise SetupError(f"the setup kind `{step.kind}` of {package} has a bug: {reason}") from error


def _result(step: KindStep, package: str, done: Any) -> str | None:
    from xr_ai_launcher.setup_kinds import Done

    if done is not None and not isinstance(done, Done):
        raise SetupError(f"the setup kind `{step.kind}` of {package} has a bug: it answered {done!r}, not Done(…)")
    return None if done is None or done.result is None else fspath(done.result)
