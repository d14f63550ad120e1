"""Which of several files wins, and that every value knows the line that decided it."""

from pathlib import Path
from typing import Any

BASE = """\
stack: base
vars: {port: 8000}
roles:
  web:
    command: python -m http.server
    ports: {http: "${port}"}
    env: {A: base, B: base}
    ready: {tcp: http}
  other: {command: python}
"""


def test_an_including_file_wins_key_by_key_and_roles_merge_by_name(folder: Any) -> None:
    folder.write(BASE, "base.yaml")
    loaded = folder.load("""\
        stack: mine
        include: [base.yaml]
        roles:
          web: {env: {B: mine, C: mine}}
          extra: {command: sh}
        """)
    assert loaded.plan.name == "mine"
    assert [role.name for role in loaded.plan.roles] == ["web", "other", "extra"]
    web = loaded.plan.roles[0]
    assert web.env == {"A": "base", "B": "mine", "C": "mine"}
    assert web.ports == {"http": 8000}
    assert web.where == "base.yaml:4:3"
    assert loaded.places.mark("roles", "web", "env", "B").source.name == "stack.yaml"
    assert str(loaded.places.mark("roles", "web", "env", "A")) == "base.yaml:7:14"


def test_of_two_included_files_the_later_one_wins(folder: Any) -> None:
    folder.write("roles: {web: {command: first, env: {A: 1}}}", "one.yaml")
    folder.write("roles: {web: {command: second}}", "two.yaml")
    assert folder.role("stack: s\ninclude: [one.yaml, two.yaml]\n").argv == ("second",)
    assert folder.role("stack: s\ninclude: [two.yaml, one.yaml]\n").argv == ("first",)


def test_each_layer_beats_the_one_before_file_profile_overlay_set(folder: Any) -> None:
    text = """\
        stack: s
        roles: {web: {command: python, env: {A: file, B: file, C: file, D: file}}}
        profiles:
          p: {roles: {web: {env: {B: profile, C: profile, D: profile}}}}
        """
    folder.write("roles: {web: {env: {C: overlay, D: overlay}}}", "over.yaml")
    role = folder.role(
        text, profile="p", overlays=[Path("over.yaml")], assignments=["roles.web.env.D=set", "roles.web.env.E=5"]
    )
    assert role.env == {"A": "file", "B": "profile", "C": "overlay", "D": "set", "E": "5"}


def test_an_overlay_may_change_a_profile_and_a_profile_may_change_variables(folder: Any) -> None:
    text = """\
        stack: s
        vars: {size: small}
        roles: {web: {command: "python ${size}"}}
        profiles: {p: {vars: {size: big}}}
        """
    assert folder.role(text, profile="p").argv[1:] == ("big",)
    assert folder.role(text, profile="p", assignments=["profiles.p.vars.size=huge"]).argv[1:] == ("huge",)
    assert folder.role(text, profile="p", assignments=["vars.size=set"]).argv[1:] == ("set",)


def test_a_probe_is_replaced_as_a_whole_and_nothing_removes_a_key(folder: Any) -> None:
    folder.write(BASE, "base.yaml")
    text = 'stack: s\ninclude: base.yaml\nroles: {web: {ready: {log: "up"}, env: {A: ~}}}\n'
    role = folder.role(text)
    assert repr(role.ready) == "LogProbe(pattern='up')"
    assert role.env == {"B": "base"}


def test_relative_paths_start_from_the_file_that_says_them(folder: Any) -> None:
    folder.write("a: 1", "sub/web.yaml")
    folder.write("a: 1", "mine.yaml")
    folder.write("roles: {web: {command: python, config: web.yaml}, b: {command: python, dir: ..}}", "sub/base.yaml")
    loaded = folder.load("stack: s\ninclude: sub/base.yaml\nroles: {c: {command: python, config: mine.yaml}}\n")
    web, b, c = loaded.plan.roles
    assert web.argv[-1] == str(folder.path / "sub" / "web.yaml")
    assert web.cwd == str(folder.path / "sub")
    assert b.cwd == str(folder.path)
    assert c.argv[-1] == str(folder.path / "mine.yaml")


def test_paths_in_set_start_from_the_working_folder(folder: Any) -> None:
    text = "roles: {web: {command: python}}\nstack: s\n"
    folder.write(text, "sub/stack.yaml")
    folder.write("include: sub/stack.yaml")
    assert folder.role(assignments=["roles.web.config=mine.yaml"]).argv[-1] == str(folder.path / "mine.yaml")


def test_a_bad_assignment_is_shown_with_a_caret_in_the_argument(folder: Any) -> None:
    text = "stack: s\nroles: {web: {command: python}}\n"
    assert folder.errors(text, assignments=["roles.web.prots.x=1"]) == [
        "--set:1:11: roles.web.prots: unknown key; did you mean `ports`?"
    ]
    assert folder.errors(text, assignments=["roles.web.ports.x=http"]) == [
        '--set:1:19: roles.web.ports.x: wrong type; expected a whole number, found text "http"'
    ]
    assert folder.errors(text, assignments=["roles.web"]) == [
        '--set:1:1: "roles.web" is not an assignment; expected key.path=value'
    ]
    assert folder.errors(text, assignments=["roles.web.enabled=no"])[0].startswith(
        "--set:1:19: roles.web.enabled: `no` is"
    )


def test_values_of_set_are_yaml(folder: Any) -> None:
    role = folder.role(
        "stack: s\nroles: {web: {command: python}}\n",
        assignments=["roles.web.command=[sh, -c, 'a=b']", "roles.web.enabled=false", "roles.web.url="],
    )
    assert role.argv[1:] == ("-c", "a=b")
    assert not role.enabled
    assert role.disabled_reason == "turned off at --set:1:19"


def test_only_and_without_choose_roles_and_say_why_others_are_off(folder: Any) -> None:
    text = "stack: s\nroles: {a: {command: python}, b: {command: python}, c: {command: python}}\n"
    assert folder.load(text, only=["a", "b"], without=["b"]).plan.disabled == {
        "b": "left out by --without",
        "c": "not named by --only",
    }
    assert folder.errors(text, only=["aa"], without=["x"]) == [
        "--only:1:1: no role `aa`; did you mean `a`?",
        "--without:1:1: no role `x`; roles: a, b or c",
    ]


def test_an_error_in_an_included_file_names_that_file(folder: Any) -> None:
    folder.write("roles:\n  web: {comand: python}\n", "base.yaml")
    assert folder.errors("stack: s\ninclude: base.yaml\n") == [
        "base.yaml:2:9: roles.web.comand: unknown key; did you mean `command`?"
    ]


def test_a_stack_that_runs_where_there_is_no_other_profile_needs_no_hardware_question(folder: Any) -> None:
    def never() -> None:
        raise AssertionError("the hardware was asked")

    from xr_ai_launcher._stack.load import load

    path = folder.write("stack: s\nroles: {web: {command: python}}\n")
    assert load(path, read_report=never).plan.profile is None  # type: ignore[arg-type]
