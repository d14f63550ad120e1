"""``binary`` steps: the first source that works, and why each of the others did not."""

import os
from pathlib import Path

import pytest

from xr_ai_launcher._stack.plan import (
    BinaryStep,
    DockerSource,
    DownloadSource,
    EnvSource,
    FileSource,
    GoSource,
    PathSource,
    SetupPlan,
    YamlSource,
)


def tool(*sources, **fields):
    return SetupPlan("tool", BinaryStep(sources), export="TOOL_BIN", **fields)


@pytest.fixture
def program(tmp_path):
    """Write an executable file."""

    def write(path, text="echo hi"):
        path = tmp_path / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return write


def test_variable_wins(prepare, program):
    path = program("mine")
    run = prepare(tool(EnvSource("TOOL_BIN"), PathSource("sh")), env={"TOOL_BIN": str(path)})
    assert run.wait() == 0
    assert run.exports == {"TOOL_BIN": str(path)}
    assert run.stderr == ""


def test_next_source_is_used_when_the_variable_is_wrong(prepare):
    run = prepare(tool(EnvSource("TOOL_BIN"), PathSource("sh")), env={"TOOL_BIN": "/nowhere"})
    assert run.wait() == 0
    assert Path(run.exports["TOOL_BIN"]).name == "sh"


def test_key_of_a_yaml_file_relative_to_it(prepare, program, tmp_path):
    path = program("conf/bin/tool")
    (tmp_path / "conf/app.yaml").write_text("render:\n  tool_bin: bin/tool\n")
    run = prepare(tool(YamlSource(tmp_path / "conf/app.yaml", "render.tool_bin"), PathSource("sh")))
    assert run.wait() == 0
    assert run.exports == {"TOOL_BIN": str(path)}


def test_every_source_says_why_it_did_not_work(prepare, server, tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    (tmp_path / "empty.yaml").write_text("tool_bin:\n")
    run = prepare(
        tool(
            EnvSource("TOOL_BIN"),
            PathSource("no-such-tool"),
            FileSource(plain),
            FileSource(tmp_path / "nothing"),
            YamlSource(tmp_path / "none.yaml", "tool_bin"),
            YamlSource(tmp_path / "empty.yaml", "tool_bin"),
            DownloadSource(server.url("missing/tool"), tmp_path / "deps", platform="plan9/mips"),
            DownloadSource(server.url("missing/tool"), tmp_path / "deps"),
            GoSource("example.org/tool", "v1", tmp_path / "deps"),
            DockerSource("example/tool", tmp_path / "deps"),
        ),
        env={"PATH": "/nowhere"},
    )
    assert run.wait() == 5
    for reason in (
        "setup tool: no source works:",
        "- $TOOL_BIN: the variable is not set",
        "- no-such-tool on PATH: no such program on PATH",
        f"- {plain}: {plain} is not an executable file",
        f"{tmp_path / 'nothing'} does not exist",
        "none.yaml: No such file or directory",
        "the key is not there, or empty",
        "it is for plan9/mips, this is linux/",
        "the server answered 404 Not Found",
        "go is not installed",
        "docker is not installed",
    ):
        assert reason in run.stderr


def test_what_is_there_already_goes_before_what_must_be_fetched(prepare, server, program, tmp_path):
    """Offline, the program built last week must not wait for a download that cannot work."""
    built = program("deps/tool")
    run = prepare(
        tool(DownloadSource(server.url("stall/other"), tmp_path / "deps"), GoSource("e.org/tool", "v1", built.parent))
    )
    assert run.wait() == 0
    assert run.exports == {"TOOL_BIN": str(built)}
    assert server.requests == []


def fake_program(folder, name, script):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_go_builds_into_place_and_only_once(prepare, tmp_path):
    """The real ``go`` is not needed to see that what it leaves in GOBIN is taken, whole, and once."""
    script = 'echo "$@" >> "$CALLS"; echo compiling; printf "#!/bin/sh\\n" > "$GOBIN/server"; chmod +x "$GOBIN/server"'
    env = fake_program(tmp_path / "bin", "go", script) | {"CALLS": str(tmp_path / "calls")}
    step = tool(GoSource("example.org/cmd/server", "v1.2.3", tmp_path / "deps"))
    for _ in range(2):
        run = prepare(step, env=env)
        assert run.wait() == 0
        assert run.exports == {"TOOL_BIN": str(tmp_path / "deps/server")}
    assert (tmp_path / "calls").read_text() == "install example.org/cmd/server@v1.2.3\n"
    assert [path.name for path in (tmp_path / "deps").iterdir() if path.is_dir()] == []
    newer = prepare(tool(GoSource("example.org/cmd/server", "v1.2.4", tmp_path / "deps")), env=env)
    assert newer.wait() == 0
    assert "v1.2.4" in (tmp_path / "calls").read_text()


def test_failed_build_has_the_compilers_last_words(prepare, tmp_path):
    env = fake_program(tmp_path / "bin", "go", "echo 'no such module' >&2; exit 1")
    run = prepare(tool(GoSource("example.org/cmd/server", "v1", tmp_path / "deps")), env=env)
    assert run.wait() == 5
    assert "go install ended with 1: no such module" in run.stderr


def test_docker_image_becomes_a_program(prepare, tmp_path):
    env = fake_program(tmp_path / "bin", "docker", 'echo "$@" >> "$CALLS"') | {"CALLS": str(tmp_path / "calls")}
    run = prepare(tool(DockerSource("example/tool:1", tmp_path / "deps")), env=env)
    assert run.wait() == 0
    wrapper = Path(run.exports["TOOL_BIN"])
    assert os.access(wrapper, os.X_OK)
    assert "docker run --rm --init --network host example/tool:1" in wrapper.read_text()


def test_docker_daemon_that_does_not_answer(prepare, tmp_path):
    env = fake_program(tmp_path / "bin", "docker", "echo Cannot connect to the Docker daemon >&2; exit 1")
    run = prepare(tool(DockerSource("example/tool:1", tmp_path / "deps")), env=env)
    assert run.wait() == 5
    assert "docker image example/tool:1: Cannot connect to the Docker daemon" in run.stderr
