"""What the LiveKit server of the hub is told: signalling for this machine, media as set, nobody outside asked."""

from xr_media_hub.transport.livekit import ServerPlan
from xr_media_hub.transport.livekit._server import server_config


def plan(node_ip: str) -> ServerPlan:
    return ServerPlan(None, "key", "secret", port_ws=7880, port_tcp=7881, port_udp=7882, node_ip=node_ip)


def test_by_default_media_is_reachable_and_signalling_is_not() -> None:
    config = server_config(plan(""))

    assert (config["port"], config["bind_addresses"]) == (7880, ["127.0.0.1"])
    rtc = config["rtc"]
    assert (rtc["tcp_port"], rtc["udp_port"]) == (7881, 7882)
    assert "interfaces" not in rtc
    assert "node_ip" not in rtc
    assert config["room"] == {"auto_create": False}
    assert config["turn"] == {"enabled": False}


def test_nobody_outside_is_asked_for_the_address() -> None:
    for node_ip in ("", "127.0.0.1", "192.0.2.7"):
        rtc = server_config(plan(node_ip))["rtc"]
        assert not rtc["use_external_ip"]
        assert [server.rpartition(":")[0] for server in rtc["stun_servers"]] == ["127.0.0.1"]


def test_an_address_that_was_set_is_the_one_that_clients_get() -> None:
    assert server_config(plan("192.0.2.7"))["rtc"]["node_ip"] == "192.0.2.7"


def test_media_of_this_machine_alone_is_not_reachable_from_others() -> None:
    rtc = server_config(plan("127.0.0.1"))["rtc"]

    assert rtc["tcp_port"] == 0
    assert rtc["interfaces"]["includes"] == ["lo"]
