"""What blocks say of how long episodes are, for agents that need whole ones."""

from typing import Mapping, Optional

import numpy as np

# Arrays `[K, T, E]` by the names of these fields of a block.
Block = Mapping[str, np.ndarray]
FIELDS = ('discount', 'episode_end', 'episode_step')


def check_one_each(block: Block) -> None:
  """Checks that a block holds one whole episode of each environment.

  Args:
    block: `[K, T, E, ...]`, whose environments began new episodes.

  Raises:
    ValueError: if not; says what was seen, and what would be right.
  """
  ends, step = block['episode_end'], block['episode_step']
  if ends[:, -1].all() and not ends[:, :-1].any():
    return
  lengths = np.unique(step[ends]) + 1
  cut = f'unroll_length={ends.shape[1]} is no whole episode'
  if not lengths.size:
    raise ValueError(
        f'{cut}: none ended within it; want the number of steps '
        'that every episode has.'
    )
  # Those that go on have one step more, at least.
  longest = np.append(lengths, step[:, -1][~ends[:, -1]] + 2).max()
  if lengths[0] == longest:
    raise ValueError(f'{cut}, want {longest}.')
  raise ValueError(
      f'{cut}: episodes of {lengths[0]} and of at least {longest} steps were '
      'seen; want tasks whose episodes all have one length.'
  )


def time_limit(block: Block) -> Optional[int]:
  """The number of steps after which all episodes of a block were truncated.

  Args:
    block: `[K, T, E, ...]`.

  Returns:
    That number; 0 if episodes end in other ways too; None if none has ended.
  """
  ends = block['episode_end']
  if not ends.any():
    return None
  lengths = np.unique(block['episode_step'][ends]) + 1
  is_limit = len(lengths) == 1 and (block['discount'][ends] > 0.0).all()
  return int(lengths[0]) if is_limit else 0


def check_uncut(unroll_length: int, horizon: int) -> None:
  """Checks that episodes of one length are not cut by a block.

  Args:
    unroll_length: T, steps of a block.
    horizon: steps of every episode.

  Raises:
    ValueError: if they are; says what would be right.
  """
  if unroll_length % horizon:
    raise ValueError(
        f'unroll_length={unroll_length} cuts episodes, which have {horizon} '
        'steps here: a linear baseline is fitted to whole ones; want a '
        f'multiple of {horizon}, or --baseline=neural.'
    )
