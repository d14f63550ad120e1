"""A plan is complete: programs found, folders absolute, environments merged, probes and setup steps typed."""

import os
import stat
import sys
from pathlib import Path
from typing import Any

from xr_ai_launcher._stack import plan as plans
from xr_ai_launcher._stack.plan import bind, setup_names

BIN = Path(sys.executable).parent


def _program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_programs_come_from_the_running_environment_first_then_from_path(folder: Any, monkeypatch: Any) -> None:
    _program(folder.path / "elsewhere" / "python")
    only_here = _program(folder.path / "elsewhere" / "only-here")
    monkeypatch.setenv("PATH", f"{folder.path / 'elsewhere'}{os.pathsep}{os.environ['PATH']}")
    text = "stack: s\nroles: {web: {command: python -V}, b: {command: only-here}}\n"
    assert folder.role(text).argv == (str(BIN / "python"), "-V")
    assert folder.role(text, "b").argv == (str(only_here),)


def test_a_command_with_a_slash_is_a_path_from_the_roles_folder(folder: Any) -> None:
    program = _program(folder.path / "sub" / "run.sh")
    assert folder.role("stack: s\nroles: {web: {command: ./run.sh x, dir: sub}}\n").argv == (str(program), "x")


def test_a_roles_own_path_decides_where_its_program_is(folder: Any) -> None:
    program = _program(folder.path / "tools" / "xrstack-test-tool")
    text = f'stack: s\nroles: {{web: {{command: xrstack-test-tool, env: {{PATH: "{program.parent}"}}}}}}\n'
    assert folder.role(text).argv == (str(program),)


def test_a_project_brings_its_own_environment(folder: Any) -> None:
    script = _program(folder.path / "heavy" / ".venv" / "bin" / "serve")
    text = "stack: s\nroles: {web: {command: serve -p 1, project: heavy, config: c.yaml}}\n"
    assert folder.role(text).argv == (str(script), "-p", "1", "--config", str(folder.path / "c.yaml"))
    script.unlink()
    argv = folder.role(text).argv
    assert Path(argv[0]).name == "uv"
    assert argv[1:6] == ("run", "--quiet", "--project", str(folder.path / "heavy"), "serve")


def test_commands_are_split_like_a_shell_would_but_never_given_to_one(folder: Any) -> None:
    text = (
        "stack: s\nroles: {web: {command: \"python -c 'print(1 > 2)' '$HOME' '*'\"}, b: {command: [python, 3, '&&']}}\n"
    )
    assert folder.role(text).argv[1:] == ("-c", "print(1 > 2)", "$HOME", "*")
    assert folder.role(text, "b").argv[1:] == ("3", "&&")


def test_environments_merge_files_below_values_and_stack_below_role(folder: Any) -> None:
    folder.write("# all\nexport A=file\nB = 'two words'\nC=file\nD=file=with=signs\n", "all.env")
    folder.write('C=role file\nE="quoted"\n', "role.env")
    text = """\
        stack: s
        env_file: all.env
        env: {B: stack, F: 1, G: 2.5, H: true}
        roles: {web: {command: python, env_file: [role.env], env: {F: role}}}
        """
    assert folder.role(text).env == {
        "A": "file",
        "B": "stack",
        "C": "role file",
        "D": "file=with=signs",
        "E": "quoted",
        "F": "role",
        "G": "2.5",
        "H": "true",
    }


def test_a_broken_environment_file_is_named_with_its_line(folder: Any) -> None:
    folder.write("A=1\nnonsense\n", "all.env")
    (error,) = folder.errors("stack: s\nenv_file: [all.env]\nroles: {web: {command: python}}\n")
    assert error == f"stack.yaml:2:12: env_file[0]: {folder.path}/all.env:2: expected KEY=VALUE"


def test_every_probe_arrives_as_what_it_is(folder: Any) -> None:
    def ready(text: str) -> plans.ProbePlan | None:
        role = f"web: {{command: python, host: 127.0.0.2, ports: {{main: 9000}}, ready: {text}}}"
        return folder.role(f"stack: s\nroles: {{{role}}}\n").ready  # type: ignore[no-any-return]

    assert ready("notify") == plans.NotifyProbe()
    assert ready('{http: "http://h/x"}') == plans.HttpProbe("http://h/x")
    assert ready('{http: {url: "https://h", status: 404, verify_tls: false}}') == plans.HttpProbe(
        "https://h", (404,), False
    )
    assert ready("{tcp: 9001}") == plans.TcpProbe("127.0.0.2", 9001)
    assert ready("{tcp: main}") == plans.TcpProbe("127.0.0.2", 9000)
    assert ready('{tcp: "localhost:9001"}') == plans.TcpProbe("localhost", 9001)
    assert ready('{log: "up [0-9]+"}') == plans.LogProbe("up [0-9]+")
    assert ready("{file: sub/ready}") == plans.FileProbe(str(folder.path / "sub" / "ready"))
    assert ready('{exec: "test -e x"}') == plans.ExecProbe(("test", "-e", "x"))
    assert ready('{mcp: "http://h/mcp"}') == plans.McpProbe("http://h/mcp")
    assert ready("~") is None


def test_times_and_signals_arrive_as_numbers(folder: Any) -> None:
    role = folder.role("""\
        stack: s
        roles:
          web:
            command: python
            ready_timeout: 1.5m
            on_exit: restart
            restart: {backoff: 250ms, max: 1h, limit: 2, window: 7}
            stop: {signal: SIGINT, grace: 20s}
        """)
    assert role.ready_timeout_s == 90.0
    assert role.restart == plans.RestartPlan(0.25, 3600.0, 2, 7.0)
    assert (role.stop_signal, role.stop_grace_s) == (2, 20.0)


def test_setup_steps_arrive_with_absolute_paths(folder: Any) -> None:
    setup = {
        step.name: step
        for step in folder.load("""\
        stack: s
        setup:
          tool:
            export: TOOL
            binary:
              - env: TOOL
              - path: tool
              - file: ../tool
              - yaml: {file: c.yaml, key: a.b}
              - download: {url: "https://h/tool-1.tar.gz?x=1", to: deps, member: d/tool, platform: linux/x86_64}
              - download: {url: "https://h/tool.AppImage?x=1", to: deps, executable: false}
              - go: {package: h/x/cmd/server, version: v1, to: deps}
              - docker: {image: "h/x:1", to: deps}
          bundle:
            run: ./build.sh --all
            dir: sub
            inputs: [src, lock.json]
            creates: out/bundle.js
            needs: [tool]
            requires: {npm: get Node}
        roles: {web: {command: python}}
        """).plan.setup
    }
    here = folder.path
    sources = [_without_place(source) for source in setup["tool"].step.sources]
    assert setup["tool"].export == "TOOL"
    assert sources == [
        plans.EnvSource("TOOL"),
        plans.PathSource("tool"),
        plans.FileSource(here.parent / "tool"),
        plans.YamlSource(here / "c.yaml", "a.b"),
        plans.DownloadSource("https://h/tool-1.tar.gz?x=1", here / "deps", None, "d/tool", True, "linux/x86_64"),
        plans.DownloadSource("https://h/tool.AppImage?x=1", here / "deps", executable=False),
        plans.GoSource("h/x/cmd/server", "v1", here / "deps"),
        plans.DockerSource("h/x:1", here / "deps"),
    ]
    assert [sources[index].result.name for index in (4, 5, 6)] == ["tool", "tool.AppImage", "server"]
    bundle = setup["bundle"]
    assert bundle.step == plans.RunStep(
        ("./build.sh", "--all"),
        here / "sub",
        inputs=(here / "sub" / "src", here / "sub" / "lock.json"),
        creates=(here / "out" / "bundle.js",),
    )
    assert bundle.needs == ("tool",)
    assert [(need.command, need.hint) for need in bundle.requires] == [("npm", "get Node")]
    assert bundle.where == "stack.yaml:14:3"


def test_late_references_are_bound_in_two_steps(folder: Any) -> None:
    plan = folder.load("""\
        stack: s
        setup: {tool: {export: TOOL, binary: [{path: tool}]}}
        roles:
          web: {command: "${setup.tool} --to ${run_dir}", env: {A: "${run_dir}/a"}, ready: {file: "${run_dir}/ready"}}
          b: {command: python, ready: {exec: ["${setup.tool}", ping]}}
        """).plan
    found = bind(plan, setup_names(plan, {"TOOL": "/bin/tool"}))
    assert found.roles[0].argv == ("/bin/tool", "--to", "${run_dir}")
    assert found.roles[1].ready == plans.ExecProbe(("/bin/tool", "ping"))
    complete = bind(found, {"run_dir": "/run/x"}).roles[0]
    assert complete.argv[-1] == "/run/x"
    assert complete.env == {"A": "/run/x/a"}
    assert complete.ready == plans.FileProbe("/run/x/ready")


def _without_place(source: Any) -> Any:
    from dataclasses import replace

    assert source.where.startswith("stack.yaml:")
    return replace(source, where="")
