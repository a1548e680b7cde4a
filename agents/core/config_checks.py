"""What the agents' config dataclasses refuse, one sentence each."""

import math
import os
import typing
from typing import Any, Sequence
import warnings

from distillery.distributed import ray_engine
import numpy as np

# Of half the width of an action's bounds to the width of the noise, or the
# other way round: beyond it is worth a warning.
_MAX_RATIO = 10.0


def choices(config: Any) -> None:
  """Every field of a `Literal` type holds one of its values.

  Raises:
    ValueError: if one does not.
  """
  for name, kind in typing.get_type_hints(type(config)).items():
    values = typing.get_args(kind)
    if (
        typing.get_origin(kind) is typing.Literal
        and getattr(config, name) not in values
    ):
      raise ValueError(
          f'{name} must be one of {values}, got {getattr(config, name)!r}.'
      )


def positive(config: Any, *names: str) -> None:
  """The fields are above 0, or tuples of such.

  Raises:
    ValueError: if one is not (NaN is not).
  """
  for name in names:
    value = getattr(config, name)
    if not all(
        part > 0 for part in (value if isinstance(value, tuple) else (value,))
    ):
      raise ValueError(f'{name} must be positive, got {value}.')


def not_negative(config: Any, *names: str) -> None:
  """The fields are 0 or above, and finite.

  Raises:
    ValueError: if one is not.
  """
  for name in names:
    if not 0.0 <= getattr(config, name) < math.inf:
      raise ValueError(
          f'{name} must not be negative, got {getattr(config, name)}.'
      )


def share(config: Any, *names: str) -> None:
  """The fields are in [0, 1].

  Raises:
    ValueError: if one is not.
  """
  for name in names:
    if not 0.0 <= getattr(config, name) <= 1.0:
      raise ValueError(
          f'{name} must be in [0, 1], got {getattr(config, name)}.'
      )


def std_range(config: Any) -> None:
  """min_std <= initial_std <= max_std.

  Raises:
    ValueError: if not.
  """
  if not config.min_std <= config.initial_std <= config.max_std:
    raise ValueError(
        'initial_std must lie between min_std and max_std, got '
        f'{config.initial_std} outside [{config.min_std}, {config.max_std}].'
    )


def below_one(config: Any, name: str) -> None:
  """A discount that keeps the values of an endless task finite.

  Raises:
    ValueError: if it is 1 (`share` sees to the rest).
  """
  if getattr(config, name) == 1.0:
    raise ValueError(
        f'{name} must be below 1, got 1: values of an endless '
        'task would not be finite.'
    )


def layers(config: Any, *names: str) -> None:
  """The fields hold the sizes of one hidden layer at least.

  Raises:
    ValueError: if one is empty.
  """
  for name in names:
    if not getattr(config, name):
      raise ValueError(f'{name} must have at least one layer, got none.')


def entropy_per_dimension(config: Any) -> None:
  """A soft actor-critic's target is finite; warns of one of the wrong sign.

  Raises:
    ValueError: if it is not finite.
  """
  target = config.entropy_per_dimension
  if not math.isfinite(target):
    raise ValueError(f'entropy_per_dimension must be finite, got {target}.')
  if target > 0.0:
    # Four frames up is who made the config.
    warnings.warn(
        f'entropy_per_dimension={target} is of the wrong sign: even uniformly '
        'random actions have no more than log 2 = 0.693; -1 is usual',
        stacklevel=4,
    )


def contexts_of_both_behaviours(config: Any) -> None:
  """A block's episodes of a task all fit into its contexts.

  Raises:
    ValueError: if not: contexts would hold none of who acts first.
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
