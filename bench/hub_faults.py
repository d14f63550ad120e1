"""What a hub does when something goes wrong: slow and killed agents, rubbish, odd ids, restarts."""

from __future__ import annotations

import os
import time

from hub_rig import Rig


def faults(spec: str, top: str) -> dict:
    """Run every fault once; each row says what came of it."""
    out = {}

    def alive(rig, agent=None, pids=("p0",)):
        a = agent or rig.agents[0]
        a("clear")
        s = rig.conn("signals", pids=list(pids), secs=0.5, rate=60)
        time.sleep(0.3)
        return a("stats")["frames"]["n"], s["sent"]

    # slow agent: 2 agents, one stalls for 3 s at 2000 signals/s
    rig = Rig(spec, top, agents=2, max_frame_bytes=4096)
    rig.agents[1].post("block", secs=3)
    s = rig.conn("signals", pids=["p0"], secs=3, rate=2000)
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
    rig.conn("frames", pids=["p0"], secs=0.2, rate=30, w=16, h=16, fmt="I420")
    rig.agents[1].post("fetch", pid="p0", secs=30, hold=20)
    time.sleep(0.3)
    rig.agents[1].kill()
    rig.agents = rig.agents[:1]
    out["agent_kill9"] = alive(rig)
    rig.close()
    # rubbish on the inlet
    for kind in ("empty", "random", "unknown", "truncated", "big"):
        rig = Rig(spec, top)
        t = rig.spawn()
        try:
            e = t("rubbish", kind=kind, n=3)
            time.sleep(0.5)
            out["rubbish_" + kind] = {
                "then_got_of_sent": alive(rig),
                "error": (e or {}).get("error"),
                "rss_hub": rig.hub("stats")["rss"],
                "log_bytes": len(rig.logtext()),
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
        rig = Rig(spec, top, pids=ids[:1])
        rig.conn("join", pids=ids[1:])
        time.sleep(0.2)
        rig.agents[0]("clear")
        rig.conn("signals", pids=ids, secs=0.5, rate=60 * len(ids))
        time.sleep(0.3)
        st = rig.agents[0]("stats")
        out["pid_" + label] = {"subscribed": ids[0], "got": st["per_pid"]}
        rig.close()
    # frames in flight when a participant leaves, ten times over: does the ring leak?
    rig = Rig(spec, top)
    for _ in range(15):
        rig.conn("leave", pids=["p0"])
        rig.conn("signals", pids=["p0"], secs=0.05, rate=60)
        rig.conn("join", pids=["p0"])
    time.sleep(0.2)
    s = rig.conn("signals", pids=["p0"], secs=0.5, rate=60)
    time.sleep(0.2)
    out["late_frames_after_leave"] = {"accepted": s["sent"], "ring_full": s["full"]}
    rig.close()
    # hub killed -9 and restarted while the connector lives (split only)
    if top == "split":
        rig = Rig(spec, top)
        rig.conn("signals", pids=["p0"], secs=0.3, rate=60)
        rig.hub.kill()
        rig.conn.post("signals", pids=["p0"], secs=2, rate=60)
        time.sleep(2.3)
        s = rig.conn.get()
        rig.hub = rig.spawn()
        rig.hub("start_hub")
        time.sleep(1)
        out["hub_restart"] = {"while_down": s, "after_got_of_sent": alive(rig)}
        rig.conn("start_conn")
        rig.conn("join", pids=["p0"])
        time.sleep(0.5)
        out["hub_restart"]["after_new_connector"] = alive(rig)
        rig.close()
    # connector killed -9: shared memory left behind?
    if top == "split":
        before = set(os.listdir("/dev/shm"))
        rig = Rig(spec, top)
        rig.conn.kill()
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
