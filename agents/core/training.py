"""The one loop that trains an agent on one machine.

  collect a block -> queue -> learner step -> fresh parameters -> ...

with evaluations, logs and checkpoints in between. The schedule is explicit, so
an on-policy agent's run is a function of its config and seed, however many
workers step the environments, and whether or not it was killed and resumed in
between. What is sampled from a replay is up to Reverb, whose samplers take no
seed.
"""

import json
import pathlib
import time
from typing import Any, Dict, List, Mapping, Optional

from acme.utils import counting
from distillery.agents.core import actors
from distillery.agents.core import builders
from distillery.agents.core import checkpoints
from distillery.agents.core import display as displays
from distillery.agents.core import evaluation
from distillery.agents.core import experiment as experiments
from distillery.agents.core import plotting
from distillery.agents.core import quiet
from distillery.agents.core import run_directory
from distillery.agents.core import serving
from distillery.environments import pool as pools
from distillery.networks import acting
import numpy as np
import reverb
import tensorflow as tf


def train(config: experiments.ExperimentConfig, pool: pools.Pool,
          builder: builders.Builder) -> List[Dict[str, Any]]:
  """Trains to the end, see `experiment.run_experiment`."""
  checkpoint = None
  if config.run_dir.resume:
    checkpoint = checkpoints.newest(config.run_dir.path)
  with serving.serve(builder, config.run_dir.path, checkpoint) as client:
    return Training(config, pool, builder, client, checkpoint).run()


class Training:
  """A run: the agent's parts, and where it has got to."""

  def __init__(self, config: experiments.ExperimentConfig, pool: pools.Pool,
               builder: builders.Builder, client: reverb.Client,
               checkpoint: Optional[pathlib.Path]):
    """Makes the parts, and takes up a checkpoint if there is one."""
    self._config = config
    self._dir = config.run_dir
    self._pool = pool
    self._client = client
    self._keeps_replay = builder.keeps_replay
    # Sonnet and Keras draw nothing from the global seed; it is set in case a
    # user's network does.
    tf.random.set_seed(config.seed)
    networks = builder.make_networks(config.seed)
    self._counter = counting.Counter()
    with quiet.quiet_native_code():
      self._learner = builder.make_learner(
          networks, client, self._counter, config.seed)
    self._policies = {name: builder.make_policy(networks, name)
                      for name in builder.evaluated_policies}
    _check_loadable(self._policies)
    self._env_steps = 0
    self._wall_s = 0.
    # Whether the next block begins with new episodes.
    self._restart = False
    if checkpoint is not None:
      self._restore(checkpoint)
    self._train_csv = self._dir.open_csv('train.csv')
    self._evaluation_csv = self._dir.open_csv(
        'evaluation.csv', run_directory.EVALUATION_COLUMNS)
    for table in (self._train_csv, self._evaluation_csv):
      # A run that begins again writes the rows of step 0 again too.
      table.truncate(self._env_steps or -1)
    self._summary = tf.summary.create_file_writer(
        str(self._dir.path / 'tensorboard'))
    self._actor = actors.UnrollActor(
        {name: builder.make_policy(networks, name)
         for name in builder.behaviours}, self._learner, pool,
        builder.make_inserter(client))
    self._num_learner_steps = builder.num_learner_steps

  def run(self) -> List[Dict[str, Any]]:
    """Trains to the end; returns the rows of the last evaluation.

    They are none if the run was at its end when it was resumed.
    """
    config = self._config
    rows = []
    last = time.monotonic()
    with displays.Display(config.num_env_steps, self._env_steps) as display:
      if self._dir.resume:
        display.print(f'{self._env_steps:>12,} steps: going on from here')
      if self._env_steps == 0:
        rows = self._evaluate(display)
      while self._env_steps < config.num_env_steps:
        before = self._env_steps
        metrics = self._iterate()
        now = time.monotonic()
        self._wall_s += now - last
        last = now
        self._log(metrics, display)
        if self._is_due(before, config.evaluate_every):
          rows = self._evaluate(display)
        if self._is_due(before, config.checkpoint_every):
          self._save()
    return rows

  def _iterate(self) -> Dict[str, float]:
    """One block: collect, learn, refresh. Returns metrics.

    Those of learning are of the last step.
    """
    begin = time.monotonic()
    num_steps = self._actor.collect(restart=self._restart)
    self._restart = False
    self._env_steps += num_steps
    self._counter.increment(env_steps=num_steps)
    collected = time.monotonic()
    for _ in range(self._num_learner_steps(self._env_steps)):
      self._learner.step()
    self._actor.update()
    learned = time.monotonic()
    return {
        'collect_steps_per_s': num_steps / (collected - begin),
        'steps_per_s': num_steps / (learned - begin),
        **self._learner.metrics,
    }

  def _is_due(self, before: int, every: int) -> bool:
    """Whether the last block crossed a multiple of `every`, or the end."""
    return (self._env_steps // every > before // every
            or self._env_steps >= self._config.num_env_steps)

  def _log(self, metrics: Dict[str, float], display: displays.Display) -> None:
    episodes = self._pool.episodes()
    by_task = {task.name: [e for e in episodes if e.task == task.name]
               for task in self._config.suite.train_tasks}
    success = {name: float(np.mean([e.success for e in finished]))
               for name, finished in by_task.items() if finished}
    row = {
        'env_steps': self._env_steps,
        'wall_s': round(self._wall_s, 2),
        'learner_steps': self._learner.num_steps,
        'episodes': len(episodes),
        'episode_return': _mean(e.return_ for e in episodes),
        'episode_success': _mean(success.values()),
        **{name: round(value, 6) for name, value in metrics.items()},
    }
    if self._learner.metrics:  # There is something learned to tell of.
      self._train_csv.append([row])
    with self._summary.as_default(step=self._env_steps):
      for name, value in row.items():
        if name != 'env_steps' and value != '':
          tf.summary.scalar(f'train/{name}', value)
      for name, value in success.items():
        tf.summary.scalar(f'train_success/{name}', value)
    display.update(self._env_steps, (
        f'training success {row["episode_success"]:.0%}' if episodes
        else 'first episodes'))

  def _evaluate(self, display: displays.Display) -> List[Dict[str, Any]]:
    config = self._config
    parameters, = self._learner.get_variables(['policy'])
    rows = evaluation.evaluate(
        self._pool, config.suite, self._policies, parameters,
        episodes_per_task=config.evaluation_episodes, seed=config.seed)
    self._evaluation_csv.append([
        {'env_steps': self._env_steps, 'wall_s': round(self._wall_s, 2), **row}
        for row in rows])
    with self._summary.as_default(step=self._env_steps):
      for row in rows:
        tf.summary.scalar(
            f'evaluation_{row["policy"]}/{row["task"]}', row['success'])
    plotting.learning_curve(self._dir.path / 'evaluation.csv',
                            self._dir.path / 'learning_curve.png')
    display.print(f'{self._env_steps:>12,} steps: ' + ', '.join(
        f'{policy} policy {evaluation.mean_success(rows, policy):.1%}'
        for policy in self._policies) + ' success')
    return rows

  def _save(self) -> None:
    self._learner.check_finite()
    self._restart = True
    parameters, = self._learner.get_variables(['policy'])
    checkpoints.save(
        self._dir.path, self._env_steps, self._learner.checkpointables,
        self._policies, parameters, {
            'env_steps': self._env_steps,
            'wall_s': self._wall_s,
            'learner_steps': self._learner.num_steps,
            'counts': {name: int(count) for name, count
                       in self._counter.get_counts().items()},
            'pool': self._pool.state(),
        }, replay=self._save_replay())

  def _save_replay(self) -> Optional[pathlib.Path]:
    """Has Reverb write its tables; returns where."""
    if not self._keeps_replay:
      return None
    try:
      with quiet.quiet_native_code():
        return pathlib.Path(self._client.checkpoint())
    except Exception as error:  # A full disk is an IndexError of Reverb's.
      raise OSError(f'cannot write the replay: {error}') from error

  def _restore(self, path: pathlib.Path) -> None:
    state = checkpoints.restore(path, self._learner.checkpointables)
    self._restart = True
    self._env_steps = state['env_steps']
    self._wall_s = state['wall_s']
    self._learner.num_steps = state['learner_steps']
    self._counter.increment(**state['counts'])
    self._pool.restore(state['pool'])


def _check_loadable(policies: Mapping[str, acting.ActingPolicy]) -> None:
  """Refuses what could be saved, after hours, and then not be loaded."""
  for policy in policies.values():
    try:
      acting.from_json(json.loads(json.dumps(policy.to_json())))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
      raise ValueError(
          f'a {type(policy).__name__} could not be loaded back from a '
          f'checkpoint ({error}); `networks.acting.register` its class.'
      ) from error


def _mean(values) -> Any:
  """Mean, or an empty cell if there is none."""
  values = list(values)
  return round(float(np.mean(values)), 4) if values else ''
