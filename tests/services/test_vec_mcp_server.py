"""vec-mcp as its clients meet it: a real process and the real MCP client."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.processes import own_port

from xr_ai_program.http import bind
from xr_ai_program.mcp_testing import ToolClient, tool_client
from xr_ai_program.testing import running_program


@pytest.fixture(scope="module")
def tools() -> Iterator[ToolClient]:
    port = own_port()
    with running_program("vec_mcp_server", {"port": port}), tool_client(port) as client:
        yield client


def test_the_tools_are_exactly_the_contracts_four(tools: ToolClient):
    assert set(tools.tools()) == {"between_anchors", "world_offset", "along_direction", "scale_value"}


def test_required_and_optional_arguments(tools: ToolClient):
    schemas = {name: tool.input_schema for name, tool in tools.tools().items()}
    origin = ["origin_x", "origin_y", "origin_z"]
    assert schemas["between_anchors"]["required"] == ["a_x", "a_y", "a_z", "b_x", "b_y", "b_z"]
    assert schemas["world_offset"]["required"] == origin
    assert schemas["along_direction"]["required"] == [*origin, "target_x", "target_y", "target_z"]
    assert schemas["along_direction"]["properties"]["distance"]["default"] == 0.5
    assert schemas["scale_value"]["required"] == ["current", "factor"]
    for schema in schemas.values():
        assert schema["additionalProperties"] is False
        assert {field["type"] for field in schema["properties"].values()} == {"number"}


def test_the_contracts_examples(tools: ToolClient):
    assert tools.call("between_anchors", a_x=0, a_y=0, a_z=0, b_x=2, b_y=4, b_z=-6) == {"x": 1, "y": 2, "z": -3}
    assert tools.call("world_offset", origin_x=0, origin_y=1.5, origin_z=-1.5, dy=0.3)["y"] == 1.8
    step = {"origin_x": 0, "origin_y": 0, "origin_z": 0, "target_x": 3, "target_y": 4, "target_z": 0}
    assert tools.call("along_direction", **step, distance=1) == {"x": 0.6, "y": 0.8, "z": 0}
    assert "coincide" in tools.call("along_direction", **{**step, "target_x": 0, "target_y": 0})["error"]
    assert tools.call("scale_value", current=0.4, factor=3) == {"value": 1.2}


def test_arguments_are_strict_but_numeric_text_is_understood(tools: ToolClient):
    assert tools.call("scale_value", current="0.5", factor=2) == {"value": 1.0}
    assert "factor" in tools.refusal("scale_value", current=1, factor="abc")
    assert "zoom" in tools.refusal("scale_value", current=1, factor=2, zoom=3)
    assert "finite" in tools.refusal("scale_value", current="nan", factor=2)
    assert "required" in tools.refusal("scale_value", current=1)


def test_a_stop_is_clean_while_a_client_is_connected():
    port = own_port()
    with running_program("vec_mcp_server", {"port": port}) as program, tool_client(port) as client:
        assert client.call("scale_value", current=2, factor=2) == {"value": 4}
        assert program.stop() == 0
        assert "Traceback" not in program.output()
        bind("127.0.0.1", port).close()


def test_a_taken_port_is_told_in_one_sentence(tmp_path: Path):
    taken = bind("127.0.0.1", 0)
    port = taken.getsockname()[1]
    config = tmp_path / "vec.yaml"
    config.write_text(f"port: {port}\n")
    command = [sys.executable, "-m", "vec_mcp_server", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    taken.close()
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
