"""Configuration from YAML, every error at once and each at its ``file:line:column``.

A program needs two names::

    class HubConfig(BaseModel):
        web_port: int = Field(8080, ge=1, le=65535)
        web_client_dir: ConfigPath | None = None      # relative to the YAML's own folder

    config = load_config(path, HubConfig)             # raises ConfigError

Values are as strict as JSON (`"8080"` is not a number); free-form parts are ``dict`` fields. What nobody should see is
a field of pydantic's ``SecretStr``: no message repeats it, nor shows the line it is in. The lower layer
(`read_yaml`, `interpolate`, `validate`) is for programs that merge several files before they validate.

Errors::

    Exception
    ├── ConfigError     the text cannot be used; ``problems`` lists all of it
    └── UnknownName     raised by a `Lookup` of `expand`; `interpolate` turns it into a problem
"""

from xr_ai_config._interpolate import Lookup, NodeLookup, UnknownName, environment_lookup, expand, interpolate
from xr_ai_config._load import Examine, load_config
from xr_ai_config._nodes import (
    KeyPath,
    ListNode,
    Located,
    MapNode,
    Node,
    ScalarNode,
    describe,
    format_path,
    locate,
    to_plain,
)
from xr_ai_config._paths import ConfigPath, resolve_path
from xr_ai_config._problem import ConfigError, Problem
from xr_ai_config._reader import Document, parse_yaml, read_yaml
from xr_ai_config._scalars import Scalar, Trap, resolve_plain
from xr_ai_config._source import Mark, Source
from xr_ai_config._suggest import did_you_mean, one_of, similar_file
from xr_ai_config._validate import problems_of, validate

__all__ = (
    "ConfigError",
    "ConfigPath",
    "Document",
    "Examine",
    "KeyPath",
    "ListNode",
    "Located",
    "Lookup",
    "MapNode",
    "Mark",
    "Node",
    "NodeLookup",
    "Problem",
    "Scalar",
    "ScalarNode",
    "Source",
    "Trap",
    "UnknownName",
    "describe",
    "did_you_mean",
    "environment_lookup",
    "expand",
    "format_path",
    "interpolate",
    "load_config",
    "locate",
    "one_of",
    "parse_yaml",
    "problems_of",
    "read_yaml",
    "resolve_path",
    "resolve_plain",
    "similar_file",
    "to_plain",
    "validate",
)
