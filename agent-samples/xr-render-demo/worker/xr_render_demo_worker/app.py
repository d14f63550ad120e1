"""The worker put together: models, tools, hub, and the order in which they come up."""

import asyncio
import logging

from xr_ai_agent import ProcessorEndpoint, hub_addresses
from xr_ai_config import ConfigError
from xr_ai_models import ModelConfigError
from xr_ai_program import Readiness, StartupError
from xr_render_demo_worker.config import WorkerConfig
from xr_render_demo_worker.lobby import Lobby
from xr_render_demo_worker.models import Models, load_models
from xr_render_demo_worker.prompts import Prompts
from xr_render_demo_worker.session import Agent
from xr_render_demo_worker.startup import wait_for_peers
from xr_render_demo_worker.tool_server import ToolServer
from xr_render_demo_worker.toolbox import ToolBox

__all__ = ("serve",)

logger = logging.getLogger(__name__)


async def serve(config: WorkerConfig, readiness: Readiness) -> None:
    """Run the worker until cancelled.

    Raises:
        StartupError: the models are declared wrongly, a prompt is missing, or peers did not appear in time.
    """
    models = _models(config)
    tools = ToolBox({name: ToolServer(name, url) for name, url in config.tool_urls.items()}, config.tool_timeout)
    pub, pull = hub_addresses()
    endpoint = ProcessorEndpoint(sub_addr=pub, push_addr=pull)
    lobby = Lobby(Agent(config, models, tools, _prompts(config)), endpoint)
    tools.start()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(endpoint.run())
            group.create_task(lobby.run())
            await wait_for_peers(models.by_name(), tools, readiness, timeout_s=config.startup_timeout)
            await lobby.loaded()
            readiness.ready("listening")
    except* StartupError as errors:
        raise errors.exceptions[0] from None
    finally:
        await tools.close()
        await models.close()
        endpoint.close()


def _models(config: WorkerConfig) -> Models:
    try:
        return load_models(config.models_yaml)
    except (ConfigError, ModelConfigError) as error:
        raise StartupError(f"models_yaml: {error}") from error


def _prompts(config: WorkerConfig) -> Prompts:
    prompts = Prompts(config.prompts_dir)
    try:
        _ = (prompts.system, prompts.quick_ack, prompts.still_working)
    except OSError as error:
        raise StartupError(f"prompts_dir: {error}; expected system.txt, quick_ack.txt and still_working.txt") from error
    return prompts
