"""Adapts a trained meta-learner to tasks that it has not seen.

  python launchers/adapt.py --run_dir=runs/... --num_trajectories=8

The policy tries each held-out task several times, without noise and without a
gradient step. Writes <run_dir>/adaptation_<split>.csv, with a row for each task
and trajectory: the family that the agent infers, the latent, the return and the
success. For DAMSEL's tasks the row also has the final distance to the target in
m, which decides about success. It needs no TensorFlow.
"""

import dataclasses
import pathlib
from typing import (
    Any,
    Dict,
    List,
    Literal,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
)

from distillery.agents.core import adaptation
from distillery.agents.core import config_fields
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import loaded_policy
from distillery.agents.core.run_files import run_directory
from distillery.agents.damsel import adaptation as damsel_adaptation
from distillery.agents.pearl import adaptation as pearl_adaptation
from distillery.environments import base
from distillery.environments.damsel import environment as damsel_environment
from distillery.environments.damsel import tasks as damsel_tasks
from distillery.environments.pool import process_pool
from distillery.launchers.common import flag_utils
from distillery.launchers.common import run_options
from distillery.launchers.common import trained_suites
from distillery.networks.acting import latent as acting_latent
from distillery.networks.acting import squashed as acting_squashed
import numpy as np

_Policy = TypeVar('_Policy')


@dataclasses.dataclass(frozen=True)
class AdaptationOptions:
  """The options of the adaptation."""

  run_dir: str = run_options.trained_run_field()
  checkpoint: str = run_options.checkpoint_field()
  num_trajectories: int = config_fields.field(
      8,
      'The number of successive trajectories of each task.',
      config_fields.POSITIVE,
  )
  split: Literal['train', 'test'] = config_fields.field(
      'test',
      "The tasks: 'test' (the held-out tasks) or 'train' (the training tasks).",
  )
  num_workers: int = run_options.num_workers_field()

  def __post_init__(self):
    config_fields.check_fields(self)


_OPTIONS = flag_utils.define(AdaptationOptions)


def main(_):
  options = _OPTIONS.value()
  config, suite = trained_suites.read(options.run_dir)
  tasks = [task for task in suite.tasks if task.split == options.split]
  if config.get('agent') not in _ADAPTERS:
    raise ValueError(
        f'{options.run_dir} is a run of {config.get("agent")}, which does not '
        f'adapt; want one of {" or ".join(_ADAPTERS)}.'
    )
  if not tasks:
    raise ValueError(f'{suite.name} has no {options.split} tasks.')
  run_dir = pathlib.Path(options.run_dir)
  loaded = checkpoints.load_policy(run_dir, 'task', options.checkpoint)
  adapter = _ADAPTERS[config['agent']](loaded, len(tasks), config)
  with process_pool.Pool(
      # The unroll is a whole episode, as it was in training.
      tasks,
      envs_per_task=1,
      unroll_length=config['agent_config']['unroll_length'],
      num_workers=options.num_workers or run_options.usable_cores(),
      seed=config['seed'],
      observation_spec=suite.observation_spec,
      action_spec=suite.action_spec,
  ) as pool:
    trajectories = adaptation.adapt(
        pool, adapter, [task.name for task in tasks], options.num_trajectories
    )
  # The agent numbers the families in this order.
  families = list(dict.fromkeys(task.family for task in suite.train_tasks))
  rows = _rows(tasks, trajectories, families, loaded.env_steps)
  print(_table(rows, tasks, trajectories[0].block))
  # Written last: if writing fails, the results have been printed.
  name = options.split
  if options.checkpoint != 'last':
    name += f'_{options.checkpoint}'
  run_directory.write_csv(run_dir / f'adaptation_{name}.csv', rows)


def _policy(loaded: loaded_policy.LoadedPolicy, kind: Type[_Policy]) -> _Policy:
  """Returns a run's policy; a ValueError if the agent acts by another kind."""
  if not isinstance(loaded.policy, kind):
    raise ValueError(
        f'the policy of the run is a {type(loaded.policy).__name__}, want a '
        f'{kind.__name__}.'
    )
  return loaded.policy


def _damsel(
    loaded: loaded_policy.LoadedPolicy, num_tasks: int, config: Dict[str, Any]
) -> adaptation.Adapter:
  del config
  policy = _policy(loaded, acting_latent.LatentPolicy)
  return damsel_adaptation.DamselAdapter(policy, loaded.parameters, num_tasks)


def _pearl(
    loaded: loaded_policy.LoadedPolicy, num_tasks: int, config: Dict[str, Any]
) -> adaptation.Adapter:
  return pearl_adaptation.PearlAdapter(
      _policy(loaded, acting_squashed.SquashedPolicy),
      loaded.parameters,
      num_tasks,
      seed=config['seed'],
      reward_scale=config['agent_config']['reward_scale'],
  )


_ADAPTERS = {'damsel': _damsel, 'pearl': _pearl}


def _rows(
    tasks: Sequence[base.Task],
    trajectories: Sequence[adaptation.Trajectory],
    families: Sequence[str],
    env_steps: int,
) -> List[Dict[str, Any]]:
  rows = []
  for number, (block, success, latent, inferred) in enumerate(trajectories):
    for k, task in enumerate(tasks):
      distance = _distance(task, block['next_observation'][k, -1, 0])
      rows.append(
          {
              'env_steps': env_steps,
              'trajectory': number + 1,
              'task': task.name,
              'family': task.family,
              'split': task.split,
              'taken_for': '' if inferred is None else families[inferred[k]],
              'latent': ' '.join(f'{z:.5g}' for z in latent[k]),
              'return': round(float(block['reward'][k].sum()), 3),
              'distance': '' if distance is None else round(distance, 5),
              'success': int(success[k]),
          }
      )
  return rows


def _distance(task: base.Task, observation: np.ndarray) -> Optional[float]:
  """Returns the distance to the target in m; None if the task has none."""
  if not isinstance(task.factory, damsel_environment.DamselFactory):
    return None
  return damsel_tasks.distance(task.factory.target, observation.tolist())


def _table(
    rows: Sequence[Dict[str, Any]],
    tasks: Sequence[base.Task],
    first: adaptation.Block,
) -> str:
  """Returns the success of each family as text, a line for each trajectory.

  For DAMSEL, a line says which share of the tasks is solved without moving.
  """
  families = list(dict.fromkeys(row['family'] for row in rows))
  shown = [display.on_one_line(name) for name in families]
  width = max(9, *(len(name) + 2 for name in shown))

  def line(label: str, values: Sequence[Tuple[str, bool]]) -> str:
    """Returns the line of each family's share of true values."""
    shares = [
        np.mean([value for name, value in values if name == family])
        for family in families
    ]
    return label.ljust(26) + ''.join(
        f'{share:.0%}'.rjust(width) for share in shares
    )

  lines = [
      'success after trajectory'.ljust(26)
      + ''.join(name.rjust(width) for name in shown)
  ]
  # Without actions nothing moves: the first observation is also the last.
  unmoved = [
      (task.family, _distance(task, first['observation'][k, 0, 0]))
      for k, task in enumerate(tasks)
  ]
  solved = [
      (family, distance <= damsel_tasks.THRESHOLDS[family])
      for family, distance in unmoved
      if distance is not None
  ]
  if solved:
    lines.append(line('doing nothing', solved))
  for number in dict.fromkeys(row['trajectory'] for row in rows):
    lines.append(
        line(
            str(number),
            [
                (row['family'], row['success'])
                for row in rows
                if row['trajectory'] == number
            ],
        )
    )
  last = [row for row in rows if row['trajectory'] == number]
  if any(row['taken_for'] for row in last):
    lines.append(
        line(
            'family inferred correctly',
            [
                (row['family'], row['family'] == row['taken_for'])
                for row in last
            ],
        )
    )
  return '\n'.join(lines)


if __name__ == '__main__':
  flag_utils.run(main, errors=(process_pool.PoolError,))
