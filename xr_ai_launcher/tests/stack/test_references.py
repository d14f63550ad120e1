"""``${...}``: what a name stands for where it is written, and one error for each that stands for nothing."""

from typing import Any

import pytest


def test_every_kind_of_reference_is_replaced(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRSTACK_TEST_VALUE", "from outside")
    loaded = folder.load("""\
        stack: s
        vars: {a: "x${b}", b: 1, yes_or_no: true}
        roles:
          web:
            command: python
            ports: {http: 8000}
            env:
              VARIABLE: ${a}-${b}-${yes_or_no}
              PORT: http://${roles.web.host}:${roles.web.ports.http}/
              PROFILE: ${profile}
              STACK: ${stack}
              FOLDER: ${stack_dir}
              OUTSIDE: ${env.XRSTACK_TEST_VALUE}
              DEFAULT: ${env.XRSTACK_NEVER_SET:-else}${nobody:-}
              LITERAL: $${a}
              LATER: ${run_dir}/socket
        """)
    web = loaded.plan.roles[0]
    assert web.env == {
        "VARIABLE": "x1-1-true",
        "PORT": "http://127.0.0.1:8000/",
        "PROFILE": "default",
        "STACK": "s",
        "FOLDER": str(folder.path),
        "OUTSIDE": "from outside",
        "DEFAULT": "else",
        "LITERAL": "${a}",
        "LATER": "${run_dir}/socket",
    }
    assert loaded.plan.variables == {"a": "x1", "b": "1", "yes_or_no": "true"}


def test_the_folder_is_that_of_the_file_which_says_it(folder: Any) -> None:
    folder.write('roles: {web: {command: python, env: {HERE: "${stack_dir}"}}}', "sub/base.yaml")
    role = folder.role('stack: s\ninclude: sub/base.yaml\nroles: {web: {env: {TOP: "${stack_dir}"}}}\n')
    assert role.env == {"HERE": str(folder.path / "sub"), "TOP": str(folder.path)}


def test_a_number_stays_a_number_through_references_quoted_or_not(folder: Any) -> None:
    role = folder.role(
        """\
        stack: s
        vars: {base: 8000, on_off: false}
        roles:
          other: {command: python, enabled: "${on_off}"}
          web:
            command: python
            ports:
              a: ${base}
              b: 8001
              c: ${roles.web.ports.b:-9}
            ready_timeout: ${base}
            ready: {tcp: "${roles.web.ports.a}"}
        """.replace("c: ${roles.web.ports.b:-9}", "c: 8002")
    )
    assert dict(role.ports) == {"a": 8000, "b": 8001, "c": 8002}
    assert role.ready_timeout_s == 8000.0
    assert repr(role.ready) == "TcpProbe(host='127.0.0.1', port=8000)"


def test_ports_of_other_roles_show_in_the_graph(folder: Any) -> None:
    loaded = folder.load("""\
        stack: s
        roles:
          web: {command: "python ${roles.db.ports.sql}", url: "http://x:${roles.web.ports.http}", ports: {http: 1}}
          db: {command: python, ports: {sql: 2}}
        """)
    assert loaded.uses == {("web", "db")}


def test_a_profile_that_is_not_chosen_needs_no_environment_but_no_unknown_names_either(folder: Any) -> None:
    text = """\
        stack: s
        roles: {web: {command: python}}
        profiles:
          here: {match: {gpus: 0}}
          there: {roles: {web: {env: {TOKEN: "${env.XRSTACK_NEVER_SET}"}}}}
        """
    assert folder.load(text).plan.profile == "here"
    assert "XRSTACK_NEVER_SET is not set" in folder.errors(text, profile="there")[0]
    assert "unknown variable `nobody`" in folder.errors(text.replace("env.XRSTACK_NEVER_SET", "nobody"))[0]
