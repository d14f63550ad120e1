"""The headless renderer: pictures of a scene without a GPU, by casting one ray per pixel."""

import asyncio
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from render_mcp._scene import Operation, SceneObject, SceneStore
from xr_ai_program.mcp import DEFAULT_PARTICIPANT
from xr_ai_spatial import ASSUMED_EYE_HEIGHT_M, HeadPose, Vec3

Array = NDArray[np.float32]

_SKY_TOP, _SKY_HORIZON = (0.35, 0.47, 0.62), (0.80, 0.85, 0.90)
_FLOOR, _FLOOR_LINE = (0.42, 0.43, 0.45), (0.55, 0.56, 0.58)
_LINE_WIDTH_M = 0.02
_FLOOR_FADE_M = 12.0
_AMBIENT = 0.45
# From above, behind the right shoulder of a viewer at the origin.
_TOWARD_LIGHT = np.array([0.35, 0.85, 0.40], np.float32) / np.float32(math.sqrt(0.35**2 + 0.85**2 + 0.40**2))
_NEAR_M = 0.01


class View(BaseModel):
    """From where a picture is taken; the query of ``GET /scene.png``."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    participant_id: str = DEFAULT_PARTICIPANT
    x: float = 0.0
    y: float = ASSUMED_EYE_HEIGHT_M
    z: float = 0.0
    yaw_deg: float = 0.0
    pitch_deg: float = Field(0.0, ge=-90, le=90)
    fov_y_deg: float = Field(60.0, ge=5, le=150)
    width: int = Field(640, ge=16, le=1920)
    height: int = Field(480, ge=16, le=1080)


class HeadlessRenderer:
    """Nothing to keep in step: a picture is taken from the store when it is asked for."""

    name = "headless"

    def __init__(self, scenes: SceneStore) -> None:
        self._scenes = scenes
        # Pictures are processor work: one at a time, so that a burst of requests cannot take every core.
        self._turn = asyncio.Lock()

    def apply(self, participant_id: str, operations: Sequence[Operation]) -> None:
        """Nothing to do."""

    def start(self, participant_id: str) -> dict[str, Any]:
        """It is always started."""
        return {"status": "already_started"}

    def health(self, participant_id: str) -> dict[str, Any]:
        """Return the contract's facts."""
        return {"lovr_started": True, "spawn_error": None, "render_drops": 0}

    def routes(self) -> list[Route]:
        """Return the route that answers with pictures."""
        return [Route("/scene.png", self._picture)]

    async def _picture(self, request: Request) -> Response:
        try:
            view = View.model_validate(dict(request.query_params))
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors()]
            return JSONResponse({"error": "; ".join(problems)}, status_code=400)
        objects = tuple(self._scenes.scene_of(view.participant_id))
        async with self._turn:
            png = await asyncio.to_thread(render_png, objects, view)
        return Response(png, media_type="image/png")


def render_png(objects: Iterable[SceneObject], view: View) -> bytes:
    """Return a PNG of ``objects`` over a gridded floor, seen from ``view``."""
    shaded = _render(list(objects), view)
    buffer = io.BytesIO()
    Image.fromarray((np.clip(shaded, 0, 1) * 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class _Rays:
    """One ray per pixel: ``origin`` (3,), ``directions`` (height, width, 3), unit length."""

    origin: Array
    directions: Array


def _render(objects: Sequence[SceneObject], view: View) -> Array:
    rays = _camera(view)
    picture, depth = _background(rays)
    for item in objects:
        center = np.array(item.position, np.float32)
        distance, normals = (_hit_box if item.type == "box" else _hit_sphere)(rays, center, item.size)
        nearer = distance < depth
        light = _AMBIENT + (1 - _AMBIENT) * np.clip(normals[nearer] @ _TOWARD_LIGHT, 0, 1)
        picture[nearer] = np.array(item.color, np.float32) * light[:, None]
        depth[nearer] = distance[nearer]
    return picture


def _camera(view: View) -> _Rays:
    pose = HeadPose.looking(Vec3(view.x, view.y, view.z), yaw_deg=view.yaw_deg, pitch_deg=view.pitch_deg)
    half = math.tan(math.radians(view.fov_y_deg) / 2)
    across = (np.arange(view.width, dtype=np.float32) + 0.5 - view.width / 2) / (view.height / 2) * half
    upward = (view.height / 2 - np.arange(view.height, dtype=np.float32) - 0.5) / (view.height / 2) * half
    right, up, forward = (np.array(axis, np.float32) for axis in (pose.right, pose.up, pose.forward))
    directions = forward + across[None, :, None] * right + upward[:, None, None] * up
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    return _Rays(np.array(pose.position, np.float32), directions.astype(np.float32))


def _background(rays: _Rays) -> tuple[Array, Array]:
    """Sky and a floor with a line each metre; returns colours and the floor's distance per pixel."""
    slope = rays.directions[..., 1]
    blend = np.clip(slope, 0, 1)[..., None]
    picture = np.array(_SKY_HORIZON, np.float32) * (1 - blend) + np.array(_SKY_TOP, np.float32) * blend
    depth = np.full(slope.shape, np.inf, np.float32)
    height = float(rays.origin[1])
    if height <= 0:
        return picture, depth
    below = slope < 0
    distance = -height / slope[below]
    places = rays.origin[[0, 2]] + rays.directions[below][:, [0, 2]] * distance[:, None]
    to_line_m = np.abs(places - np.round(places)).min(axis=1, keepdims=True)
    floor = np.where(to_line_m < _LINE_WIDTH_M / 2, np.array(_FLOOR_LINE, np.float32), np.array(_FLOOR, np.float32))
    fade = np.exp(-distance / _FLOOR_FADE_M)[:, None]
    picture[below] = floor * fade + np.array(_SKY_HORIZON, np.float32) * (1 - fade)
    depth[below] = distance
    return picture, depth


def _hit_sphere(rays: _Rays, center: Array, radius: float) -> tuple[Array, Array]:
    """Distance to the nearest surface in front of the camera (inf: none) and the outward normal, per pixel."""
    offset = rays.origin - center
    along = rays.directions @ offset
    root = along**2 - (float(offset @ offset) - radius**2)
    distance = np.full(along.shape, np.inf, np.float32)
    hits = root > 0
    near = -along[hits] - np.sqrt(root[hits])
    distance[hits] = np.where(near > _NEAR_M, near, np.inf)
    points = rays.directions * np.where(np.isfinite(distance), distance, 0)[..., None] + offset
    return distance, (points / radius).astype(np.float32)


def _hit_box(rays: _Rays, center: Array, half_edge: float) -> tuple[Array, Array]:
    """As `_hit_sphere`, for an axis-aligned cube (the slab method)."""
    offset = rays.origin - center
    # A ray along a face is nudged off it: the division stays finite and the picture the same.
    directions = np.where(np.abs(rays.directions) < 1e-7, np.float32(1e-7), rays.directions)
    first, second = (-half_edge - offset) / directions, (half_edge - offset) / directions
    entries, exits = np.minimum(first, second), np.maximum(first, second)
    near, far = entries.max(axis=2), exits.min(axis=2)
    distance = np.where((near < far) & (near > _NEAR_M), near, np.float32(np.inf)).astype(np.float32)
    axis = entries.argmax(axis=2)
    normals = np.zeros_like(directions)
    sign = -np.sign(np.take_along_axis(directions, axis[..., None], axis=2))
    np.put_along_axis(normals, axis[..., None], sign, axis=2)
    return distance, normals
