"""The configuration: defaults that belong together, every mistake named at its place."""

from pathlib import Path

import pytest

from xr_ai_config import ConfigError, load_config
from xr_media_hub.config import HubConfig, RemoteAgents, VideoRecording

REFERENCE = Path(__file__).resolve().parents[1] / "xr_media_hub.yaml"


def _load(folder: Path, text: str) -> HubConfig:
    path = folder / "hub.yaml"
    path.write_text(text)
    return load_config(path, HubConfig)


def test_the_reference_file_says_the_defaults() -> None:
    assert load_config(REFERENCE, HubConfig) == HubConfig()


def test_the_reference_file_documents_every_key() -> None:
    text = REFERENCE.read_text()
    keys = [key for key, field in HubConfig.model_fields.items() if field.annotation is not type(None)]
    keys += [*VideoRecording.model_fields, *RemoteAgents.model_fields]
    assert [key for key in keys if f"{key}:" not in text] == []


def test_the_hub_follows_the_port_of_its_server(tmp_path: Path) -> None:
    assert _load(tmp_path, "lk_port_ws: 9999\n").internal_url == "ws://127.0.0.1:9999"


def test_paths_start_from_the_file(tmp_path: Path) -> None:
    assert _load(tmp_path, "web_client_dir: ../web\n").web_client_dir == tmp_path.parent / "web"
    assert _load(tmp_path, "web_client_dir: ''\n").web_client_dir is None


def test_the_keys_of_remote_agents_start_from_the_file(tmp_path: Path) -> None:
    remote = _load(
        tmp_path, "remote: {enabled: true, server_key: keys/hub.key_secret, client_keys: ../agents}\n"
    ).remote

    assert (remote.server_key, remote.client_keys) == (
        tmp_path / "keys" / "hub.key_secret",
        tmp_path.parent / "agents",
    )


def test_a_key_of_the_old_hub_is_refused_with_what_replaced_it(tmp_path: Path) -> None:
    """The reference sample of v0.1 sets these."""
    with pytest.raises(ConfigError) as error:
        _load(
            tmp_path,
            "enable_token_server: true\ntoken_server_host: 0.0.0.0\ntoken_server_port: 8000\nbrowser_dir: ../web\n"
            "token_server_url: ws://localhost:8000\nshm_num_slots: 10\nshm_max_frame_bytes: 12441600\n",
        )

    lines = str(error.value)
    for line, word in enumerate(
        ("/token", "web_server_host", "web_server_port", "web_client_dir", "public_url", "own", "own"), 1
    ):
        assert f"hub.yaml:{line}:" in lines
        assert word in lines
    assert "unknown key" not in lines


def test_a_key_of_the_old_hub_that_asks_for_nothing_is_accepted(tmp_path: Path) -> None:
    assert _load(tmp_path, "enable_token_server: false\n") == HubConfig()


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
        ("api_secret: short\n", ["at least 32 characters"]),
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
