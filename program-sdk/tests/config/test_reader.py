"""Reading YAML text: trees with places, and one clear sentence for everything that is wrong with a text."""

from pathlib import Path

import pytest

from xr_ai_config import ConfigError, MapNode, ScalarNode, locate, parse_yaml, read_yaml, to_plain


def _messages(text: str) -> list[str]:
    """Everything the text itself is blamed for, first lines only."""
    try:
        problems = parse_yaml(text, "t.yaml").problems
    except ConfigError as error:
        problems = error.problems
    return [str(problem).splitlines()[0] for problem in problems]


def test_values_and_keys_know_where_they_were_written() -> None:
    root = parse_yaml("a: 1\nb:\n  - x\n  - c: true\n", "t.yaml").root
    assert to_plain(root) == {"a": 1, "b": ["x", {"c": True}]}
    assert isinstance(root, MapNode)
    assert str(root.key_marks["b"]) == "t.yaml:2:1"
    located = locate(root, ("b", 1, "c"))
    assert isinstance(located.node, ScalarNode)
    assert str(located.mark) == "t.yaml:4:8"
    assert located.path == ("b", 1, "c")


def test_an_empty_text_is_an_empty_mapping() -> None:
    assert to_plain(parse_yaml("# nothing\n", "t.yaml").root) == {}


def test_quoted_and_tagged_text_stays_text() -> None:
    text = "a: 'no'\nb: \"012\"\nc: !!str 1:30\nd: |\n  yes\n"
    document = parse_yaml(text, "t.yaml")
    assert document.problems == ()
    assert to_plain(document.root) == {"a": "no", "b": "012", "c": "1:30", "d": "yes\n"}


def test_aliases_and_merge_keys_work_and_keep_their_own_places() -> None:
    root = parse_yaml("base: &b {x: 1, y: 2}\nover:\n  <<: *b\n  y: 3\nboth: {<<: [*b, {z: 4}]}\n", "t.yaml").root
    plain = to_plain(root)
    assert plain["over"] == {"x": 1, "y": 3}
    assert plain["both"] == {"x": 1, "y": 2, "z": 4}
    assert str(locate(root, ("over", "x")).mark) == "t.yaml:1:14"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: a: duplicate key `a`; it is already set in line 1; keep one"),
        (
            "r: {x: no}\n",
            "t.yaml:1:8: r.x: `no` is a boolean to some YAML readers and text to others; "
            'write false, or "no" for the text',
        ),
        (
            "port: 012\n",
            "t.yaml:1:7: port: `012` is octal to some YAML readers and decimal to others; "
            'write 12, or "012" for the text',
        ),
        ("l: [1:30]\n", 't.yaml:1:5: l[0]: `1:30` is a base-60 number to some YAML readers; write "1:30"'),
        ("a:\n\tb: 1\n", "t.yaml:2:1: a tab cannot indent YAML; use spaces"),
        ("a: [1,\n", "t.yaml:1:6: not YAML: something is never closed (while parsing a flow node)"),
        ("a: [1\n", "t.yaml:1:4: not YAML: something is never closed (while parsing a flow sequence)"),
        (
            "a: b: c\n",
            "t.yaml:1:5: not YAML: mapping values are not allowed here; "
            "quote a value that contains `: `, or check the indentation",
        ),
        (
            "a: *nobody\n",
            "t.yaml:1:4: not YAML: found undefined alias 'nobody'; "
            "quote a value that starts with `*`, or define the anchor before it",
        ),
        ("a: &x [*x]\n", "t.yaml:1:4: an alias contains itself"),
        ("a: !thing 1\n", "t.yaml:1:4: a: the tag `!thing` is not understood; remove it; types follow from the key"),
        ("[a]: 1\n", "t.yaml:1:1: a key must be a word; quote text that starts with `{`, `[` or `?`"),
        ("a: {<<: 1}\n", "t.yaml:1:5: a: `<<` merges mappings; give it an alias of a mapping, or a list of them"),
        (
            "a: 1\n---\nb: 2\n",
            "t.yaml:2:1: not YAML: but found another document "
            "(expected a single document in the stream, begun in line 1); "
            "only one document per file: remove the `---` line",
        ),
    ],
)
def test_what_is_wrong_with_a_text_is_said_with_its_place_and_repair(text: str, message: str) -> None:
    assert _messages(text) == [message]


def test_several_problems_of_one_text_come_together() -> None:
    assert len(_messages("a: no\nb: 012\nb: 1\n")) == 3


def test_aliases_cannot_make_a_small_text_expand_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "once aliases are expanded" in _messages("\n".join(lines))[0]


def test_a_missing_file_is_named_with_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "worker.yaml").touch()
    with pytest.raises(ConfigError, match=r"wroker\.yaml: no such file; did you mean `worker\.yaml`\?"):
        read_yaml(tmp_path / "wroker.yaml")
    with pytest.raises(ConfigError, match=r"the folder .* does not exist either"):
        read_yaml(tmp_path / "no" / "worker.yaml")


def test_a_folder_or_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        read_yaml(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"a: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"not UTF-8 text \(byte 6\); save the file as UTF-8"):
        read_yaml(tmp_path / "latin.yaml")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert to_plain(read_yaml(tmp_path / "bom.yaml").root) == {"a": 1}
