"""Checks several fields of a config together, or a config and its tasks.

A check of a single field is a `config_fields.Check`.
"""

import os
from typing import Any, Sequence
import warnings

from distillery.distributed import nodes
import numpy as np

# The largest ratio of half the width of an action's bounds to the standard
# deviation of the noise, or of the second to the first, without a warning.
_MAX_RATIO = 10.0


def std_range(config: Any) -> None:
  """Checks that min_std <= initial_std <= max_std in a config.

  Raises:
    ValueError: if `initial_std` lies outside of these bounds.
  """
  if not config.min_std <= config.initial_std <= config.max_std:
    raise ValueError(
        'initial_std must lie between min_std and max_std, got '
        f'{config.initial_std} outside [{config.min_std}, {config.max_std}].'
    )


def warn_of_entropy(config: Any) -> None:
  """Warns if the target of a soft actor-critic's entropy has the wrong sign.

  Args:
    config: the agent's config, with `entropy_per_dimension`.
  """
  target = config.entropy_per_dimension
  if target > 0.0:
    # The code that makes the config is four frames up.
    warnings.warn(
        f'entropy_per_dimension={target} has the wrong sign: even uniformly '
        'random actions have an entropy of only log 2 = 0.693; -1 is usual',
        stacklevel=4,
    )


def contexts_of_both_behaviours(config: Any) -> None:
  """Checks that a task's contexts can hold all its episodes of a collection.

  Otherwise contexts would hold no episode of the behaviour that acts first.

  Args:
    config: the agent's config, with `envs_per_task` and `context_episodes`.

  Raises:
    ValueError: if `context_episodes` is smaller than the number of a task's
      episodes in a collection, 2 * envs_per_task.
  """
  block = 2 * config.envs_per_task
  if config.context_episodes < block:
    raise ValueError(
        f'context_episodes={config.context_episodes} is less than the {block} '
        'episodes that both policies collect of a task: contexts would have no '
        'episode of the first policy.'
    )


def warn_of_width(
    config: Any, action_spec: Any, low: Sequence[float], high: Sequence[float]
) -> None:
  """Warns, once, if a policy's initial noise hardly explores the actions.

  Args:
    config: the agent's config; nothing happens if it has no `initial_std`.
    action_spec: the spec of an action, which the warning prints.
    low: the lower bounds of the actions, A numbers; empty if there are none.
    high: the upper bounds of the actions, A numbers; empty if there are none.
  """
  # The nodes of a program make the builder again and would repeat the warning.
  if not hasattr(config, 'initial_std') or nodes.NODE_VARIABLE in os.environ:
    return
  lows, highs = np.array([low, high]) / config.initial_std
  ratio = (highs - lows)[np.isfinite(highs - lows)] / 2.0
  distance = np.maximum(lows, -highs)  # From 0 to the nearest action.
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
