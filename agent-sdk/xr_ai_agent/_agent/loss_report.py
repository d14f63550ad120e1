"""Telling the hub what this agent did not get, when it changed."""

from collections.abc import Mapping

from xr_ai_agent._agent.control_channel import ControlChannel
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import AgentReport, MsgType


class LossReport:
    """An agent's losses, as the hub last heard of them."""

    def __init__(self, agent_id: str, name: str, control: ControlChannel) -> None:
        self._agent_id = agent_id
        self._name = name
        self._control = control
        self._told: Mapping[str, int] | None = None

    def tell(self, lost: Mapping[str, int]) -> None:
        """Report, unless the hub knows already (or is of v0.1)."""
        if lost != self._told and self._control.is_open:
            report = AgentReport(self._agent_id, self._name, lost)
            if self._control.send_now(encode(MsgType.AGENT_REPORT, report)):
                self._told = lost

    def reset(self) -> None:
        """Another hub listens now."""
        self._told = None
