"""Commands that only a shell would understand are refused, with what to write instead; all others are left alone."""

from typing import Any

import pytest


def _errors(folder: Any, command: str) -> list[str]:
    folder.write("stack: s\nroles:\n  web:\n    command: " + command + "\n")
    loaded = folder.load_all()
    return [str(problem).splitlines()[0].partition("roles.web.command: ")[2] for problem in loaded.problems]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "make && ./run",
            "`&&` means nothing here: no shell runs this command; give it to a shell: [sh, -c, 'make && ",
        ),
        ("python -V | cat", "`|` means nothing here"),
        ("python -V > log.txt", "`>` means nothing here"),
        ("python -V 2>&1", "`2>&1` means nothing here"),
        ("python -V &", "`&` means nothing here"),
        ("python -V; python -V", "`-V;` means nothing here"),
        (
            "while true; do date; done",
            "`while` is a word of the shell, not a program; give it to a shell: [sh, -c, 'while",
        ),
        ("export A=1", "`export` is a word of the shell"),
        ("exec python", "`exec` is a word of the shell, not a program; leave it out"),
        ("cd app && make run", "`cd` is a word of the shell, not a program; write `dir: app` and `command: make run`"),
        ("cd app; make", "`cd` is a word of the shell, not a program; write `dir: app` and `command: make`"),
        ("cd app", "`cd` is a word of the shell, not a program; give it to a shell"),
        ("PORT=80 python", "`PORT=80` is no program; give the variable under `env: {PORT: 80}`"),
        ("python --home $HOME/x", "`$HOME` is not replaced here: no shell runs this command; write ${env.HOME}"),
        ("python ~/app.py", "`~/app.py` is not replaced here: no shell runs this command; write ${env.HOME}/app.py"),
        ("ls *.py", "`*.py` is not replaced by names of files: no shell runs this command; quote it if the program "),
    ],
)
def test_what_needs_a_shell_is_said_with_its_repair(folder: Any, command: str, message: str) -> None:
    (problem,) = _errors(folder, command)
    assert problem.startswith(message)


@pytest.mark.parametrize(
    "command",
    [
        "sh -c 'a && b | c > d; e $HOME ~ *'",
        'sh -c "while sleep 5; do date; done"',
        "[sh, '&&', '*', $HOME, ~/x]",
        "python -c 'print(1)' '*.py' \"$HOME\"",
        "find . -name \\*.py -exec echo {} \\;",
        "python http://127.0.0.1/?a=1&b=*",
        "python --pattern a=b ${stack_dir}/x",
        "~/bin/python",
        "python A=1",
    ],
)
def test_what_needs_none_is_left_alone(folder: Any, command: str) -> None:
    assert _errors(folder, command) == []


def test_values_of_variables_are_not_looked_at(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRSTACK_ODD", "a$b;")
    assert _errors(folder, "python --password ${env.XRSTACK_ODD}") == []


def test_setup_steps_probes_and_profiles_are_read_too(folder: Any) -> None:
    text = """\
        stack: s
        setup: {made: {run: "make | tee log", creates: out}}
        roles: {web: {command: python, ready: {exec: "test -e $HOME"}}}
        profiles: {p: {roles: {web: {command: "python && python"}}}}
        """
    found = folder.errors(text)
    assert [problem.split(": ")[1] for problem in found] == [
        "setup.made.run",
        "roles.web.ready.exec",
        "roles.web.command",
    ]


def test_the_place_is_that_of_the_word(folder: Any) -> None:
    folder.write("stack: s\nroles:\n  web: {command: python one && two}\n")
    (problem,) = folder.load_all().problems
    assert str(problem).splitlines()[1:] == [
        "    3 |   web: {command: python one && two}",
        "      |                             ^^",
    ]
