"""Checks of several fields of a config together, or of fields and tasks.

Those of one field are `config_fields.Check`.
"""

import os
from typing import Any, Sequence
import warnings

from distillery.distributed import ray_engine
import numpy as np

# Of half the width of an action's bounds to the width of the noise, or the
# other way round: beyond it is worth a warning.
_MAX_RATIO = 10.0


def std_range(config: Any) -> None:
  """Checks that min_std <= initial_std <= max_std.

  Raises:
    ValueError: if not.
  """
  if not config.min_std <= config.initial_std <= config.max_std:
    raise ValueError(
        'initial_std must lie between min_std and max_std, got '
        f'{config.initial_std} outside [{config.min_std}, {config.max_std}].'
    )


def warn_of_entropy(config: Any) -> None:
  """Warns of a target of a soft actor-critic's entropy with the wrong sign.

  Args:
    config: an agent's, with `entropy_per_dimension`.
  """
  target = config.entropy_per_dimension
  if target > 0.0:
    # Four frames up is the code that made the config.
    warnings.warn(
        f'entropy_per_dimension={target} is of the wrong sign: even uniformly '
        'random actions have no more than log 2 = 0.693; -1 is usual',
        stacklevel=4,
    )


def contexts_of_both_behaviours(config: Any) -> None:
  """Checks that the episodes of a task in a block fit into its contexts.

  Raises:
    ValueError: if not: contexts would hold no episode of the behaviour that
      acts first.
  """
  block = 2 * config.envs_per_task
  if config.context_episodes < block:
    raise ValueError(
        f'context_episodes={config.context_episodes} is less than the {block} '
        'episodes of a task in a block: contexts would have none from before '
        'anything is inferred.'
    )


def warn_of_width(
    config: Any, action_spec: Any, low: Sequence[float], high: Sequence[float]
) -> None:
  """Warns, once, of actions that a policy's first noise hardly explores.

  Args:
    config: an agent's, with `initial_std`.
    action_spec: the tasks' actions, for the warning.
    low: the actions' lower bounds; empty if there are none.
    high: the actions' upper bounds.
  """
  # A program's nodes make their builder, and come here, again.
  if not hasattr(config, 'initial_std') or (
      ray_engine.NODE_VARIABLE in os.environ
  ):
    return
  lows, highs = np.array([low, high]) / config.initial_std
  ratio = (highs - lows)[np.isfinite(highs - lows)] / 2.0
  distance = np.maximum(lows, -highs)  # Of the nearest action from 0.
  if ((ratio > _MAX_RATIO) | (ratio < 1.0 / _MAX_RATIO)).any() or (
      distance > _MAX_RATIO
  ).any():
    warnings.warn(
        'actions are at first drawn around 0 with a standard deviation of '
        f'initial_std={config.initial_std}, which hardly explores '
        f'{action_spec}; rescale them to [-1, 1], in gymnasium by '
        'gymnasium.wrappers.RescaleAction.',
        stacklevel=3,
    )
