"""The configuration: defaults that belong together, every mistake named at its place."""

from pathlib import Path

import pytest

from xr_ai_config import ConfigError, load_config
from xr_media_hub._examine import examine
from xr_media_hub.config import RETIRED_KEYS, HubConfig, RemoteAgents, VideoRecording

REFERENCE = Path(__file__).resolve().parents[1] / "xr_media_hub.yaml"


def _load(folder: Path, text: str) -> HubConfig:
    path = folder / "hub.yaml"
    path.write_text(text)
    return load_config(path, HubConfig, examine)


V01 = """
api_key: devkey
api_secret: devsecret-xr-livekit-prototype-2026
room_name: xr-room
lk_port_ws: 7880
lk_port_tcp: 7881
lk_port_udp: 7882
lk_internal_url: ws://127.0.0.1:7880
identity: xr-hub-connector
enable_web_server: true
web_server_host: 0.0.0.0
web_server_port: 8080
web_client_dir: ""
web_server_tls: true
cert_file: ""
key_file: ""
enable_token_server: true
token_server_host: 0.0.0.0
token_server_port: 8000
token_server_url: ws://localhost:8000
browser_dir: ""
hub_push_addr: ipc:///tmp/xr_hub_in
hub_sub_addr: ipc:///tmp/xr_hub_pub
shm_num_slots: 10
shm_max_frame_bytes: 12441600
video_recording:
"""
"""Every key of v0.1's reference with its value there."""


def test_the_reference_file_says_the_defaults() -> None:
    assert load_config(REFERENCE, HubConfig) == HubConfig()


def test_the_reference_file_documents_every_key() -> None:
    text = REFERENCE.read_text()
    keys = [key for key in HubConfig.model_fields if key not in RETIRED_KEYS]
    keys += [*VideoRecording.model_fields, *RemoteAgents.model_fields]
    assert [key for key in keys if f"{key}:" not in text] == []


def test_the_hub_follows_the_port_of_its_server(tmp_path: Path) -> None:
    assert _load(tmp_path, "lk_port_ws: 9999\n").internal_url == "ws://127.0.0.1:9999"


def test_paths_start_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    assert _load(tmp_path, f"web_client_dir: ../{tmp_path.name}/web\n").web_client_dir == tmp_path / "web"
    assert _load(tmp_path, "web_client_dir: ''\n").web_client_dir is None


def test_the_keys_of_remote_agents_start_from_the_file(tmp_path: Path) -> None:
    remote = _load(
        tmp_path, "remote: {enabled: true, server_key: keys/hub.key_secret, client_keys: ../agents}\n"
    ).remote

    assert (remote.server_key, remote.client_keys) == (
        tmp_path / "keys" / "hub.key_secret",
        tmp_path.parent / "agents",
    )


def test_a_configuration_of_the_old_hub_is_taken_as_it_is_and_one_note_says_what_is_gone(tmp_path: Path) -> None:
    config = _load(tmp_path, V01)
    (note,) = config.notes()

    assert config.api_secret.get_secret_value() == "devsecret-xr-livekit-prototype-2026"
    assert config.video_recording == VideoRecording()
    assert [key for key in RETIRED_KEYS if key not in note] == []
    assert "clients that went to http://THIS_HOST:8000 must go to https://THIS_HOST:8080" in note
    assert "public_url" in note


def test_keys_of_the_old_hub_that_ask_for_nothing_need_no_note(tmp_path: Path) -> None:
    config = _load(tmp_path, "enable_token_server: false\nbrowser_dir: ''\n")

    assert config == HubConfig()
    assert not list(config.notes())


def test_the_rest_of_a_token_server_that_was_off_is_noted_without_advice(tmp_path: Path) -> None:
    (note,) = _load(tmp_path, "enable_token_server: false\ntoken_server_port: 8000\nshm_num_slots: 4\n").notes()

    assert "token_server_port (there is no second token server to set up)" in note
    assert "shm_num_slots (each video track has memory of its own" in note


def test_the_recording_keys_of_the_old_hub_mean_what_they_meant(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        "video_recording: {enabled: true, out_dir: ../kept, chunk_frames: 30, max_total_bytes: 0, sample_fps: 5.0,\n"
        "  bitrate: 1000000, gpu_id: 1}\n",
    )

    recording = config.video_recording
    assert recording.out_dir == tmp_path.parent / "kept"
    assert (recording.chunk_frames, recording.max_total_bytes, recording.sample_fps) == (30, 0, 5.0)
    assert (recording.bitrate, recording.gpu_id, recording.when_full) == (1_000_000, 1, "delete_oldest")


def test_networks_and_origins_are_read(tmp_path: Path) -> None:
    config = _load(tmp_path, "status_networks: [10.0.0.0/8, '::1']\nallowed_origins: ['https://a.example:444']\n")

    assert [str(network) for network in config.status_networks] == ["10.0.0.0/8", "::1/128"]
    assert config.allowed_origins == ("https://a.example:444",)


def test_the_stack_chooses_the_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XR_HUB_IN", "ipc:///run/in")
    monkeypatch.setenv("XR_HUB_PUB", "ipc:///run/pub")
    config = _load(tmp_path, "web_server_port: 9000\n")

    assert (config.hub_push_addr, config.hub_sub_addr) == ("ipc:///run/in", "ipc:///run/pub")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("web_sever_port: 9000\n", ["hub.yaml:1:1", "unknown key", "web_server_port"]),
        ("web_server_port: 'abc'\n", ["hub.yaml:1:18", "web_server_port"]),
        ("web_server_port: 70000\n", ["65535"]),
        ("api_secret: short\n", ["hub.yaml:1:13", "at least 32 characters"]),
        ("enable_web_server: false\nenable_token_server: true\n", ["hub.yaml:2:22", "nobody could join"]),
        ("cert_file: a.pem\n", ["belong together"]),
        ("livekit_url: http://x\n", ["ws:// or wss://"]),
        ("livekit_url: ws://x\n", ["api_key and api_secret must be its own"]),
        ("lk_internal_url: ws://127.0.0.1:1\n", ["lk_port_ws (7880)"]),
        ("node_ip: here\n", ["node_ip"]),
        ("trusted_proxies: [10.0.0.1/8]\n", ["hub.yaml:1:19", "trusted_proxies", "10.0.0.0/8"]),
        ("allowed_origins: [example.org]\n", ["allowed_origins", "https://app.example.org"]),
        ("duplicate_identity: kick\n", ["hub.yaml:1:21", "rename", "refuse"]),
        ("isolation: none\n", ["isolation", "room", "permissions"]),
        ("video_recording: {sample_fsp: 5}\n", ["hub.yaml:1:19", "unknown key", "sample_fps"]),
        ("video_recording:\n  when_full: stpo\n", ["hub.yaml:2:14", "stop", "delete_oldest"]),
        ("video_recording: {max_total_bytes: 1000}\n", ["max_total_bytes", "at least 12000000 bytes"]),
        ("remote: {enabled: true}\n", ["server_key is needed", "--make-keys"]),
        ("remote: {server_key: hub.key}\n", ["hub.yaml:1:22", "NAME.key_secret"]),
        ("remote: {host: '::'}\n", ["IPv4"]),
        ("remote: {port: 65534}\n", ["hub.yaml:1:16", "65532"]),
        ("hub_sub_addr: /tmp/pub\n", ["hub.yaml:1:15", "ipc://PATH"]),
        ("video_codec: nvenc\n", ["video_codec", "hardware", "software"]),
        ("- a list\n", ["mapping"]),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, text)

    assert [word for word in words if word not in str(error.value)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("api_secret: hunter2\n", ["hub.yaml:1:13: api_secret: expected at least 32 characters"]),
        ("api_secret: 7772\n", ["wrong type; expected text; put it in quotes"]),
        ("join_code: 07772\n", ["join_code: this value is not taken as it is written; put it in quotes"]),
        ("join_code: hun${hunter2\n", ["join_code: a reference in it is not closed"]),
        ("{join_code: hunter2, web_sever_port: 1}\n", ["web_sever_port: unknown key; did you mean `web_server_port`?"]),
        ("join_cod: hunter2\n", ["join_cod: unknown key; did you mean `join_code`?"]),
        ("join_code: a\njoin_code: hunter2\n", ["hub.yaml:2:1: join_code: duplicate key `join_code`"]),
        ("join_code: 'hunter2\n", ["not YAML"]),
        ("join_code: hunter2: b\n", ["not YAML"]),
        ("join_code: ${HUNTER2:-hunter2}\napi_secret: ${NOT_SET_7772}\n", ["variable NOT_SET_7772 is not set"]),
    ],
)
def test_no_message_repeats_a_secret(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, text)

    said = f"{error.value} {error.value.__context__}" + repr([problem.as_json() for problem in error.value.problems])
    assert [word for word in words if word not in said] == []
    assert "hunter2" not in said
    assert "7772" not in said.replace("NOT_SET_7772", "")


def test_a_configuration_shows_no_secret() -> None:
    config = HubConfig(join_code="hunter2", api_secret="hunter2" * 5)  # type: ignore[arg-type]
    assert "hunter2" not in f"{config!r} {config}"


def test_what_is_not_there_and_what_is_wanted_twice_is_named_with_everything_else(tmp_path: Path) -> None:
    text = "\n".join(
        [
            "web_client_dir: nowhere",
            "cert_file: no.pem",
            "key_file: hub.yaml",
            "lk_port_ws: 8080",
            "lk_port_udp: 8080",
            "lk_port_tcp: 7901",
            "hub_sub_addr: tcp://127.0.0.1:7902",
            "remote: {enabled: true, server_key: hub.key_secret, client_keys: agents}",
            "isolation: none",
        ]
    )
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, text)

    found = [str(problem).splitlines()[0].removeprefix(f"{tmp_path}/hub.yaml:") for problem in error.value.problems]
    assert found == [
        f"1:17: web_client_dir: {tmp_path}/nowhere is not a folder; build the web client or change the path",
        f"2:12: cert_file: {tmp_path}/no.pem is not a file; leave out cert_file and key_file to have both made",
        "4:13: lk_port_ws: web_server_port (by default tcp 8080) wants the same port; give each one of its own",
        "6:14: lk_port_tcp: remote.port (by default tcp 7900 to 7903) wants the same port; give each one of its own",
        "7:15: hub_sub_addr: remote.port (by default tcp 7900 to 7903) wants the same port; give each one of its own",
        '9:12: isolation: wrong value; expected `room` or `permissions`, found text "none"',
    ]


def test_what_is_not_used_need_not_be_there(tmp_path: Path) -> None:
    _load(tmp_path, "enable_web_server: false\nweb_client_dir: nowhere\nlk_port_ws: 8080\n")
    _load(tmp_path, f"livekit_url: ws://x\nlivekit_server_bin: nowhere\nlk_port_ws: 8080\napi_secret: {'k' * 32}\n")
    _load(tmp_path, "node_ip: 127.0.0.1\nlk_port_tcp: 8080\n")


def test_a_media_server_that_is_not_there_is_named_unless_another_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVEKIT_SERVER_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"hub\.yaml:1:21: livekit_server_bin: no LiveKit server to start: .*nowhere"):
        _load(tmp_path, "livekit_server_bin: nowhere\n")
    binary = tmp_path / "livekit-server"
    binary.touch(mode=0o755)
    _load(tmp_path, "livekit_server_bin: nowhere\n")
