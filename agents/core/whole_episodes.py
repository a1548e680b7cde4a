"""Checks the lengths of episodes in blocks, for agents that need whole ones."""

from typing import Mapping, Optional

import numpy as np

# Arrays `[K, T, E]` by the names of these fields of a block.
Block = Mapping[str, np.ndarray]
FIELDS = ('discount', 'episode_end', 'episode_step')


def check_one_each(block: Block) -> None:
  """Checks that a block holds one whole episode of each environment.

  Args:
    block: the block, arrays `[K, T, E]` by name. Its environments began new
      episodes at its first step.

  Raises:
    ValueError: if it does not; the message says what lengths were seen, and
      what `unroll_length` would be right.
  """
  ends, step = block['episode_end'], block['episode_step']
  if ends[:, -1].all() and not ends[:, :-1].any():
    return
  lengths = np.unique(step[ends]) + 1
  given = f'unroll_length={ends.shape[1]}'
  if not lengths.size:
    raise ValueError(
        f'{given}: no episode ended within these steps; want the number of '
        'steps of an episode.'
    )
  # Episodes that have not ended have at least one step more.
  longest = np.append(lengths, step[:, -1][~ends[:, -1]] + 2).max()
  if lengths[0] == longest:
    raise ValueError(
        f'{given} is not the length of an episode; want {longest}.'
    )
  raise ValueError(
      f'{given}: got episodes of {lengths[0]} and of at least {longest} steps; '
      'want tasks whose episodes all have the same length.'
  )


def time_limit(block: Block) -> Optional[int]:
  """Returns the number of steps after which a block's episodes were truncated.

  Args:
    block: the block, arrays `[K, T, E]` by name.

  Returns:
    The number; 0 if episodes differ in length or were terminated; None if no
    episode has ended.
  """
  ends = block['episode_end']
  if not ends.any():
    return None
  lengths = np.unique(block['episode_step'][ends]) + 1
  is_limit = len(lengths) == 1 and (block['discount'][ends] > 0.0).all()
  return int(lengths[0]) if is_limit else 0


def check_uncut(unroll_length: int, horizon: int) -> None:
  """Checks that a block does not cut episodes of a fixed length.

  Args:
    unroll_length: T, the steps of a block.
    horizon: the steps of every episode.

  Raises:
    ValueError: if it does; the message says what would be right.
  """
  if unroll_length % horizon:
    raise ValueError(
        f'unroll_length={unroll_length} would cut episodes of {horizon} steps, '
        'but a linear baseline needs complete episodes; want a multiple of '
        f'{horizon}, or --baseline=neural.'
    )
