"""Makes a film of a trained policy in a maze.

  python launchers/record.py --run_dir=runs/... --task=maze-1 --output=film.gif

The film shows the map from above; the cells that the walker sees are bright.
Needs no TensorFlow.
"""

import dataclasses
from typing import List, Literal

from distillery.agents.core import config_fields
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import display
from distillery.environments.mazes import batch as maze_batch
from distillery.environments.mazes import pictures as maze_pictures
from distillery.environments.pool import stateful_policies
from distillery.launchers.common import flag_utils
from distillery.launchers.common import run_options
from distillery.launchers.common import trained_suites
import numpy as np


@dataclasses.dataclass(frozen=True)
class FilmOptions:
  """The options of the film."""

  run_dir: str = run_options.trained_run_field()
  checkpoint: str = run_options.checkpoint_field()
  policy: Literal['task', 'shared'] = config_fields.field(
      'task', 'The policy that acts.'
  )
  task: str = config_fields.field(
      '', 'The name of the task. Empty: the first task of the suite.'
  )
  seed: int = config_fields.field(
      0, 'The seed of the episode.', config_fields.SEED
  )
  output: str = config_fields.field(
      'film.gif',
      "The film's path, in .gif. In .png, only the first picture is written.",
      config_fields.ends_in('.gif', '.png'),
      is_path=True,
  )

  def __post_init__(self):
    config_fields.check_fields(self)


_OPTIONS = flag_utils.define(FilmOptions)


def main(_):
  options = _OPTIONS.value()
  _, suite = trained_suites.read(options.run_dir)
  if suite.image_shape != maze_batch.IMAGE_SHAPE:
    raise ValueError(
        f'run_dir: only runs on MAZES can be filmed, got one on {suite.name}'
    )
  names = [task.name for task in suite.train_tasks]
  name = options.task or names[0]
  if name not in names:
    raise ValueError(f'task: got {name!r}, want one of {", ".join(names)}')
  index = names.index(name)
  batch = suite.make_batch([suite.train_tasks[index]])
  loaded = checkpoints.load_policy(
      options.run_dir, options.policy, options.checkpoint
  )
  frames, total = _episode(batch, loaded, index, options.seed)
  maze_pictures.save(options.output, frames)
  print(
      f'{display.on_one_line(name)}: return {total:g} in '
      f'{len(frames) - 1} steps; {options.output} is written'
  )


def _episode(batch: maze_batch.MazeBatch, loaded, index: int, seed: int):
  """Returns a picture for each step of one episode, and the return."""
  policy = stateful_policies.with_memory(loaded.policy)
  selected = policy.select_tasks(loaded.parameters, np.array([index]))
  state = np.zeros((1, 1, policy.state_size), np.float32)
  rng = np.random.default_rng(seed)
  batch.reset(0, seed)
  frames: List[np.ndarray] = [maze_pictures.picture(batch, 0)]
  total, is_over = 0.0, False
  while not is_over:
    action, _, state = policy.sample(
        selected,
        batch.observation[np.newaxis],
        policy.draw_noise(rng, 1, (0,)),
        state,
    )
    reward, _, ended = batch.step(action[0])
    total, is_over = total + float(reward[0]), bool(ended[0])
    frames.append(maze_pictures.picture(batch, 0))
  return frames, total


if __name__ == '__main__':
  flag_utils.run(main)
