"""`dataclass`, `field`, `replace` and `asdict` of the standard library, without what importing them costs.

`dataclasses` brings inspect, ast and tokenize (11 ms) and compiles source code for every class (0.7 ms each): together
a quarter of the time in which fifty roles should have started. Here a class is used as it was written. Type checkers
see the real `dataclass`, and whoever looks at a class later as well: `dataclasses.fields`, `asdict` and `replace` work.

Left out: ``slots`` (accepted, without effect), ``order``, ``kw_only``, ``InitVar`` and the rarer parameters of `field`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ("asdict", "dataclass", "field", "field_names", "replace")

_REQUIRED = object()


class _Made:
    """A default that is made anew for each instance."""

    __slots__ = ("factory",)

    def __init__(self, factory: Callable[[], Any]) -> None:
        self.factory = factory


def _field(*, default_factory: Callable[[], Any]) -> Any:
    return _Made(default_factory)


def _dataclass(cls: Any = None, /, *, frozen: bool = False, slots: bool = False) -> Any:
    """Give a class what the standard `dataclasses.dataclass` gives it."""
    if cls is None:
        return lambda cls: _dataclass(cls, frozen=frozen)
    defaults: dict[str, Any] = dict(getattr(cls, "__record_defaults__", ()))
    for name, annotation in cls.__annotations__.items():
        if not str(annotation).startswith(("ClassVar", "typing.ClassVar")):
            defaults[name] = cls.__dict__.get(name, _REQUIRED)
            if isinstance(defaults[name], _Made):
                delattr(cls, name)
    cls.__record_defaults__ = defaults
    cls.__match_args__ = tuple(defaults)  # type: ignore[misc]  # as if it were a tuple of ours
    cls.__dataclass_fields__ = _StandardFields()
    cls.__init__, cls.__eq__, cls.__replace__ = _init, _eq, _replace
    cls.__hash__ = _hash if frozen else None
    if "__repr__" not in cls.__dict__:
        cls.__repr__ = _repr
    if frozen:
        cls.__setattr__ = cls.__delattr__ = _refuse
    return cls


def _replace(instance: Any, /, **changes: Any) -> Any:
    return type(instance)(**{name: getattr(instance, name) for name in instance.__record_defaults__} | changes)


def _asdict(instance: Any) -> dict[str, Any]:
    return {name: _plain(getattr(instance, name)) for name in instance.__record_defaults__}


def _plain(value: Any) -> Any:
    if hasattr(value, "__record_defaults__"):
        return _asdict(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return type(value)(map(_plain, value)) if isinstance(value, list | tuple) else value


def field_names(cls: type) -> tuple[str, ...]:
    """Return the names of a class's fields, in their order."""
    names: dict[str, Any] = cls.__record_defaults__  # type: ignore[attr-defined]  # of our own `dataclass`
    return tuple(names)


class _StandardFields:
    """Answers whoever asks for the standard library's idea of the class, which is made only then."""

    def __get__(self, instance: object, owner: Any) -> dict[str, Any]:
        import dataclasses

        space: dict[str, Any] = {"__annotations__": dict.fromkeys(owner.__record_defaults__, "Any")}
        for name, default in owner.__record_defaults__.items():
            if isinstance(default, _Made):
                space[name] = dataclasses.field(default_factory=default.factory)
            elif default is not _REQUIRED:
                space[name] = default
        shadow: Any = dataclasses.dataclass(type(owner.__name__, (), space))
        fields: dict[str, Any] = shadow.__dataclass_fields__
        owner.__dataclass_fields__ = fields
        return fields


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    defaults, values = self.__record_defaults__, self.__dict__  # the latter past __setattr__, which may refuse
    if len(args) > len(defaults):
        raise TypeError(f"{type(self).__name__}() takes {len(defaults)} values, got {len(args)}")
    values.update(zip(defaults, args, strict=False))
    for name, value in kwargs.items():
        if name not in defaults or name in values:
            raise TypeError(
                f"{type(self).__name__}() got {'two values for' if name in values else 'an unknown'} {name}"
            )
        values[name] = value
    for name, default in defaults.items():
        if name not in values:
            if default is _REQUIRED:
                raise TypeError(f"{type(self).__name__}() misses {name}")
            values[name] = default.factory() if isinstance(default, _Made) else default


def _values(instance: Any) -> tuple[Any, ...]:
    return tuple(getattr(instance, name) for name in instance.__record_defaults__)


def _eq(self: object, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: object) -> int:
    return hash(_values(self))


def _repr(self: Any) -> str:
    pairs = zip(self.__record_defaults__, _values(self), strict=True)
    return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"


def _refuse(self: object, name: str, *_: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change {name!r} of a {type(self).__name__}")


if TYPE_CHECKING:
    from dataclasses import asdict, dataclass, field, replace
else:
    asdict, dataclass, field, replace = _asdict, _dataclass, _field, _replace
