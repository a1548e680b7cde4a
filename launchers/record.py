"""Makes a film of a trained policy in a maze.

  python launchers/record.py --run_dir=runs/... --task=maze-1 --output=film.gif

The film shows the map from above; the cells that the walker sees are bright.
Needs no TensorFlow.
"""

from typing import List

from absl import flags
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import display
from distillery.environments.mazes import batch as maze_batch
from distillery.environments.mazes import pictures as maze_pictures
from distillery.environments.pool import stateful_policies
from distillery.launchers.common import flag_utils
from distillery.launchers.common import trained_suites
import numpy as np

_RUN_DIR = flag_utils.define_path('run_dir', '', 'the directory of the run')
_POLICY = flags.DEFINE_enum(
    'policy', 'task', ['task', 'shared'], 'the policy that acts'
)
_TASK = flags.DEFINE_string(
    'task', '', 'the name of the task. Empty: the first task of the suite'
)
_SEED = flags.DEFINE_integer(
    'seed', 0, 'the seed of the episode', lower_bound=0
)
_OUTPUT = flag_utils.define_path(
    'output',
    'film.gif',
    "the film's path, in .gif. In .png, only the first picture is written",
)


def main(_):
  if not _OUTPUT.value.endswith(('.gif', '.png')):
    raise ValueError(
        f'output: got {_OUTPUT.value!r}, want a name in .gif or .png'
    )
  _, suite = trained_suites.read(_RUN_DIR.value)
  if suite.image_shape != maze_batch.IMAGE_SHAPE:
    raise ValueError(f'run_dir: films are made of mazes, got {suite.name}')
  names = [task.name for task in suite.train_tasks]
  name = _TASK.value or names[0]
  if name not in names:
    raise ValueError(f'task: got {name!r}, want one of {", ".join(names)}')
  index = names.index(name)
  batch = suite.make_batch([suite.train_tasks[index]])
  loaded = checkpoints.load_policy(_RUN_DIR.value, _POLICY.value)
  frames, total = _episode(batch, loaded, index)
  maze_pictures.save(_OUTPUT.value, frames)
  print(
      f'{display.on_one_line(name)}: return {total:g} in '
      f'{len(frames) - 1} steps; {_OUTPUT.value} is written'
  )


def _episode(batch: maze_batch.MazeBatch, loaded, index: int):
  """Returns a picture for each step of one episode, and the return."""
  policy = stateful_policies.with_memory(loaded.policy)
  selected = policy.select_tasks(loaded.parameters, np.array([index]))
  state = np.zeros((1, 1, policy.state_size), np.float32)
  rng = np.random.default_rng(_SEED.value)
  batch.reset(0, _SEED.value)
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
