"""What a hub does when something goes wrong: slow and killed agents, rubbish, odd ids, restarts."""

from __future__ import annotations

import os
import time
from typing import Any

from hub_rig import Rig

# A hub may refuse such an id: then nobody is ever heard.
_ODD_ID_LIMIT_S = 1.0


def faults(spec: str, *, is_split: bool) -> dict[str, Any]:
    """Run every fault once; each row says what came of it."""
    out: dict[str, Any] = {}

    def alive(rig: Rig) -> tuple[int, int]:
        rig.agent("clear")
        sent = rig.connector("signals", pids=["p0"], secs=0.5, rate=60)["sent"]
        return rig.until_received(rig.agent, "frames", sent), sent

    # slow agent: 2 agents, one stalls for 3 s at 2000 signals/s
    rig = Rig(spec, is_split=is_split, agents=2, max_frame_bytes=4096).start()
    rig.agents[1].post("block", secs=3)
    s = rig.connector("signals", pids=["p0"], secs=3, rate=2000)
    rig.agents[1].get()
    time.sleep(1)
    f, sl = rig.agents[0]("stats"), rig.agents[1]("stats")
    out["slow_agent"] = {
        "sent": s["sent"],
        "full": s["full"],
        "fast_got": f["frames"]["n"],
        "fast_p99_us": f["frames"]["p99"],
        "slow_got": sl["frames"]["n"],
        "slow_gaps_seen": sl["gaps"],
        "slow_oldest_ms": (sl["frames"]["max"] or 0) / 1e3,
    }
    # agent killed -9 while it holds a frame; then the hub must go on for the other
    rig.connector("frames", pids=["p0"], secs=0.2, rate=30, w=16, h=16, fmt="I420")
    rig.agents[1].post("fetch", pid="p0", secs=30, hold=20)
    time.sleep(0.3)
    rig.agents[1].kill()
    rig.agents = rig.agents[:1]
    out["agent_kill9"] = alive(rig)
    rig.close()
    # rubbish on the inlet
    for kind in ("empty", "random", "unknown", "truncated", "big"):
        rig = Rig(spec, is_split=is_split).start()
        t = rig.spawn()
        try:
            e = t("rubbish", kind=kind, n=3)
            time.sleep(0.5)
            out["rubbish_" + kind] = {
                "then_got_of_sent": alive(rig),
                "error": (e or {}).get("error"),
                "rss_hub": rig.hub("stats")["rss"],
                "log_bytes": len(rig.log_text()),
            }
        finally:
            t.quit()
            rig.close()
    # participant ids
    for label, ids in {
        "dot": ["a", "a.b"],
        "space": ["my headset"],
        "unicode": ["żółw😀"],
        "empty": [""],
        "slash": ["../x"],
        "prefix": ["alice", "alice2"],
    }.items():
        rig = Rig(spec, is_split=is_split, pids=ids[:1]).start(_ODD_ID_LIMIT_S)
        rig.connector("join", pids=ids[1:])
        time.sleep(0.2)
        rig.agents[0]("clear")
        rig.connector("signals", pids=ids, secs=0.5, rate=60 * len(ids))
        time.sleep(0.3)
        st = rig.agents[0]("stats")
        out["pid_" + label] = {"subscribed": ids[0], "got": st["per_pid"]}
        rig.close()
    # frames in flight when a participant leaves, ten times over: does the ring leak?
    rig = Rig(spec, is_split=is_split).start()
    for _ in range(15):
        rig.connector("leave", pids=["p0"])
        rig.connector("signals", pids=["p0"], secs=0.05, rate=60)
        rig.connector("join", pids=["p0"])
    time.sleep(0.2)
    s = rig.connector("signals", pids=["p0"], secs=0.5, rate=60)
    time.sleep(0.2)
    out["late_frames_after_leave"] = {"accepted": s["sent"], "ring_full": s["full"]}
    rig.close()
    # hub killed -9 and restarted while the connector lives (split only)
    if is_split:
        rig = Rig(spec, is_split=is_split).start()
        rig.connector("signals", pids=["p0"], secs=0.3, rate=60)
        rig.hub.kill()
        rig.connector.post("signals", pids=["p0"], secs=2, rate=60)
        time.sleep(2.3)
        s = rig.connector.get()
        rig.hub = rig.spawn()
        rig.hub("start_hub")
        time.sleep(1)
        out["hub_restart"] = {"while_down": s, "after_got_of_sent": alive(rig)}
        rig.connector("start_conn")
        rig.connector("join", pids=["p0"])
        time.sleep(0.5)
        out["hub_restart"]["after_new_connector"] = alive(rig)
        rig.close()
    # connector killed -9: shared memory left behind?
    if is_split:
        before = set(os.listdir("/dev/shm"))
        rig = Rig(spec, is_split=is_split).start()
        rig.connector.kill()
        time.sleep(1)
        out["conn_kill9_shm_left"] = len(set(os.listdir("/dev/shm")) - before)
        rig.agents[0].quit()
        rig.hub.quit()
        time.sleep(0.5)
        left = set(os.listdir("/dev/shm")) - before
        out["conn_kill9_shm_left_after_hub_exit"] = len(left)
        for x in left:
            os.unlink("/dev/shm/" + x)
    return out
