"""Which proxy a download goes through, and what to say when that is why it fails."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

_AUTHENTICATION_REQUIRED = "407"


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy for one host."""

    variable: str
    address: str
    """Without user name and password."""
    host: str

    def __str__(self) -> str:
        return f"the proxy {self.address} ({self.variable})"

    def refusal(self, answer: str) -> str:
        """Return what to say and do when the proxy answers so to a request for the host."""
        if answer.startswith(_AUTHENTICATION_REQUIRED):
            repair = f"write them into {self.variable}: http://USER:PASSWORD@{urlsplit(self.address).netloc}"
            return f"{self} wants a user name and a password ({answer}); {repair}"
        return f"{self} refuses: {answer}; have {self.host} allowed there, name it in NO_PROXY, or name a mirror"

    def unreachable(self, reason: str) -> str:
        """Return what to say and do when the proxy does not answer."""
        return f"cannot connect to {self}: {reason}; correct {self.variable}, or name {self.host} in NO_PROXY"


def proxy_for(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy that the environment names for an address, as every program reads it."""
    parts = urlsplit(url)
    exceptions = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if not parts.hostname or proxy_bypass(parts.hostname, {"no": exceptions}):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            if environment.get(variable):
                return Proxy(variable, _without_password(environment[variable]), parts.hostname)
    return None


def _without_password(address: str) -> str:
    parts = urlsplit(address if "://" in address else f"http://{address}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
