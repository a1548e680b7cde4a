"""The config dataclass of each agent."""

import dataclasses
import importlib
import pathlib
from typing import Dict

_AGENTS = pathlib.Path(__file__).resolve().parents[2] / 'agents'


def _config_class(agent: str) -> type:
  module = importlib.import_module(f'distillery.agents.{agent}.config')
  (found,) = (
      value
      for value in vars(module).values()
      if dataclasses.is_dataclass(value) and value.__module__ == module.__name__
  )
  return found


# By the agent's name.
CONFIGS: Dict[str, type] = {
    path.parent.name: _config_class(path.parent.name)
    for path in sorted(_AGENTS.glob('*/config.py'))
}
