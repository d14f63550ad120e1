"""A room to talk to: a scene and a head with the real spatial maths, and an agent's loop around the real server."""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

import openai
import pytest
from kit.processes import own_port

from xr_ai_program.testing import running_program
from xr_ai_spatial import POSE_TOOLS, VECTOR_TOOLS, HeadPose, Vec3

MODEL = "llm"
_JSON_TYPES = {bool: "boolean", float: "number", int: "integer", str: "string"}
_MAX_STEPS = 10


@dataclass(frozen=True)
class Server:
    """The running language-model server, and OpenAI's own client for it."""

    url: str
    client: openai.OpenAI


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    port = own_port()
    with running_program("llm_server", {"port": port, "model_name": MODEL}):
        url = f"http://127.0.0.1:{port}"
        with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
            yield Server(url, client)


def tool_schema(function: Callable[..., Any], *, skip_first: bool) -> dict[str, Any]:
    """An OpenAI tool for a Python function, as strict as the tool servers' own schemas."""
    parameters = list(inspect.signature(function).parameters.values())[1 if skip_first else 0 :]
    return {
        "type": "function",
        "function": {
            "name": function.__name__,
            "description": inspect.getdoc(function) or "",
            "parameters": {
                "type": "object",
                "properties": {p.name: _property(p.annotation) for p in parameters},
                "required": [p.name for p in parameters if p.default is inspect.Parameter.empty],
                "additionalProperties": False,
            },
        },
    }


def _property(annotation: Any) -> dict[str, Any]:
    if get_origin(annotation) is Literal:
        return {"type": "string", "enum": list(get_args(annotation))}
    if get_origin(annotation) is list:
        return {"type": "array", "items": _property(get_args(annotation)[0])}
    if annotation in _JSON_TYPES:
        return {"type": _JSON_TYPES[annotation]}
    return {"anyOf": [_property(part) for part in get_args(annotation) if part is not type(None)] + [{"type": "null"}]}


@dataclass
class Said:
    """What came of one request."""

    reply: str
    calls: list[tuple[str, dict[str, Any]]]

    @property
    def tools(self) -> list[str]:
        return [name for name, _ in self.calls]


@dataclass
class Room:
    """Carries out tool calls, remembers the talk, and offers the scene tools of the contract plus ``extra``."""

    server: Server
    pose: HeadPose | None = field(default_factory=lambda: HeadPose.looking(Vec3(0.0, 1.6, 0.0)))
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    extra: dict[str, Callable[..., Any]] = field(default_factory=dict)
    failing: dict[str, Any] = field(default_factory=dict)
    """Tool name → what it answers instead of working."""
    hidden: set[str] = field(default_factory=set)
    """Tools that are not offered."""
    sections: dict[str, str] = field(default_factory=dict)
    """Section name → what it says instead of the truth."""
    talk: list[dict[str, Any]] = field(default_factory=list)
    moves: list[dict[str, Any]] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)

    # --- the scene tools of the contract
    def add_primitive(
        self,
        prim_type: str,
        x: float = 0.0,
        y: float = 1.6,
        z: float = -1.5,
        r: float = 0.2,
        g: float = 0.9,
        b: float = 1.0,
        size: float = 0.1,
    ) -> dict[str, Any]:
        number = self._counts[prim_type] = self._counts.get(prim_type, -1) + 1
        object_id = f"{prim_type}-{number}"
        self.objects[object_id] = {
            "id": object_id,
            "type": prim_type,
            "position": {"x": x, "y": y, "z": z},
            "color": {"r": r, "g": g, "b": b},
            "size": size,
        }
        return {"id": object_id, "ok": True}

    def update_primitive(
        self,
        obj_id: str,
        prim_type: str | None = None,
        x: float | None = None,
        y: float | None = None,
        z: float | None = None,
        r: float | None = None,
        g: float | None = None,
        b: float | None = None,
        size: float | None = None,
    ) -> dict[str, Any]:
        if obj_id not in self.objects:
            return {"ok": False, "reason": "not_found"}
        item = self.objects[obj_id]
        before = dict(item["position"])
        item["position"].update({k: v for k, v in {"x": x, "y": y, "z": z}.items() if v is not None})
        item["color"].update({k: v for k, v in {"r": r, "g": g, "b": b}.items() if v is not None})
        item["size"] = item["size"] if size is None else size
        item["type"] = prim_type or item["type"]
        if before != item["position"]:
            self.moves.append({"id": obj_id, "before": before, "after": dict(item["position"])})
        return {"ok": True}

    def remove_primitive(self, obj_id: str) -> dict[str, Any]:
        return {"ok": True} if self.objects.pop(obj_id, None) else {"ok": False, "reason": "not_found"}

    def get_scene_state(self) -> dict[str, Any]:
        return {"objects": list(self.objects.values())}

    def get_head_pose(self) -> dict[str, Any]:
        return self.pose.as_dict() if self.pose else {"is_valid": False, "error": "session_not_ready"}

    # --- the agent's loop
    def offered(self) -> list[dict[str, Any]]:
        own = [
            self.add_primitive,
            self.update_primitive,
            self.remove_primitive,
            self.get_scene_state,
            self.get_head_pose,
        ]
        tools = [tool_schema(f, skip_first=False) for f in [*own, *VECTOR_TOOLS, *self.extra.values()]]
        tools += [tool_schema(f, skip_first=True) for f in POSE_TOOLS]
        return [tool for tool in tools if tool["function"]["name"] not in self.hidden]

    def execute(self, name: str, arguments: Mapping[str, Any]) -> Any:
        if name in self.failing:
            return self.failing[name]
        if name in self.extra:
            return self.extra[name](**arguments)
        if name in {f.__name__ for f in POSE_TOOLS}:
            return next(f for f in POSE_TOOLS if f.__name__ == name)(self.pose, **arguments)
        vector = next((f for f in VECTOR_TOOLS if f.__name__ == name), None)
        return vector(**arguments) if vector else getattr(self, name)(**arguments)

    def say(self, text: str, *, confidence: float | None = None, alternatives: tuple[str, ...] = ()) -> Said:
        """Say something and let the server and the tools work until there is a reply."""
        messages = [*self.talk[-8:], {"role": "user", "content": self._sections(text, confidence, alternatives)}]
        calls: list[tuple[str, dict[str, Any]]] = []
        for _ in range(_MAX_STEPS):
            answer = self.server.client.chat.completions.create(model=MODEL, messages=messages, tools=self.offered())
            message = answer.choices[0].message
            if not message.tool_calls:
                assert answer.choices[0].finish_reason == "stop"
                self.talk += [{"role": "user", "content": text}, {"role": "assistant", "content": message.content}]
                return Said(message.content or "", calls)
            assert answer.choices[0].finish_reason == "tool_calls"
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls:
                arguments = json.loads(call.function.arguments)
                calls.append((call.function.name, arguments))
                result = self.execute(call.function.name, arguments)
                content = result if isinstance(result, str) else json.dumps(result)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
        raise AssertionError(f"no reply to {text!r} after {_MAX_STEPS} steps: {calls}")

    def _sections(self, text: str, confidence: float | None, alternatives: tuple[str, ...]) -> str:
        sections = {
            "Scene": json.dumps(self.get_scene_state()),
            "Head pose": json.dumps(self.get_head_pose()),
            "Recent moves": json.dumps(self.moves[-5:]),
        }
        if confidence is not None:
            sections["Hearing"] = json.dumps({"confidence": confidence, "alternatives": list(alternatives)})
        return "\n".join(f"[{name}]\n{body}" for name, body in {**sections, **self.sections, "Request": text}.items())

    # --- what the tests look at
    def only(self) -> dict[str, Any]:
        assert len(self.objects) == 1, self.objects
        return next(iter(self.objects.values()))

    def at(self, object_id: str) -> tuple[float, float, float]:
        position = self.objects[object_id]["position"]
        return position["x"], position["y"], position["z"]


@pytest.fixture
def room(server: Server) -> Room:
    return Room(server)
