"""The loop that trains an agent on one machine.

  collect a block -> queue -> learner step -> fresh parameters -> ...

with evaluations, logs and checkpoints in between. The order of these is fixed.
So the run of an on-policy agent is a function of its config and seed. It does
not depend on the number of workers, nor on whether the run was killed and
resumed from a checkpoint that came by steps. Samples from a replay are not
reproducible, because Reverb's samplers take no seed.
"""

import pathlib
import signal
import time
from typing import Any, Dict, List, Optional

from acme.utils import counting
from distillery.agents.core import actors
from distillery.agents.core import builders
from distillery.agents.core import evaluation
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import display as displays
from distillery.agents.core.running import agent_parts
from distillery.agents.core.running import best_policies
from distillery.agents.core.running import metrics as run_metrics
from distillery.agents.core.running import replay_server
from distillery.agents.core.running import resuming
from distillery.agents.core.running import setup
from distillery.agents.core.running import stopping
from distillery.agents.core.running import training_films
from distillery.environments.pool import factory as pool_factory
import reverb


def train(
    config: setup.ExperimentConfig,
    pool: pool_factory.AnyPool,
    builder: builders.Builder,
) -> List[Dict[str, Any]]:
  """Trains an agent to the end of its run.

  Args:
    config: the experiment.
    pool: the environments of the training tasks.
    builder: the builder of the agent.

  Returns:
    The rows of the last evaluation, see `experiment.run_experiment`.

  Raises:
    ValueError: if the checkpoint to resume from belongs to another network, or
      a policy could not be loaded back from a checkpoint.
    process_pool.PoolError: if an environment or a worker fails.
    errors.NonFiniteError: if a loss is NaN.
    OSError: if a checkpoint cannot be written.
  """
  checkpoint = None
  if config.run_dir.resume:
    checkpoint = checkpoints.newest(config.run_dir.path)
  with replay_server.serve(builder, config.run_dir.path, checkpoint) as client:
    return Training(config, pool, builder, client, checkpoint).run()


class Training:
  """A run: the agent's parts, and how far it is."""

  def __init__(
      self,
      config: setup.ExperimentConfig,
      pool: pool_factory.AnyPool,
      builder: builders.Builder,
      client: reverb.Client,
      checkpoint: Optional[pathlib.Path],
  ):
    """Builds the agent's parts, and restores a checkpoint if there is one.

    Args:
      config: the experiment.
      pool: the environments of the training tasks.
      builder: the builder of the agent.
      client: a client of the Reverb server that holds the agent's tables.
      checkpoint: the directory of the checkpoint to restore; None: a new run.

    Raises:
      ValueError: if the checkpoint belongs to another network, or a policy
        could not be loaded back from a checkpoint.
    """
    self._config = config
    self._dir = config.run_dir
    self._pool = pool
    self._counter = counting.Counter()
    self._parts = agent_parts.AgentParts(
        builder, client, config.seed, self._counter
    )
    self._learner = self._parts.learner
    self._env_steps = 0
    self._wall_s = 0.0
    self._saved_steps, self._saved_at = 0, time.monotonic()
    # True if the next block begins with new episodes.
    self._restart = False
    self._status = run_metrics.Status(config.suite.score)
    if checkpoint is not None:
      self._restore(checkpoint)
    restart = (
        resuming.take_back(config, self._env_steps, self._learner.num_steps)
        if self._dir.resume
        else None
    )
    summary = run_metrics.Summary(self._dir, restart)
    self._train_record = run_metrics.TrainRecord(
        self._dir,
        summary,
        [task.name for task in config.suite.train_tasks],
        self._env_steps,
        self._learner.num_steps,
    )
    self._evaluation_record = run_metrics.EvaluationRecord(
        self._dir, summary, self._env_steps, config.suite.score
    )
    self._best = best_policies.BestPolicies(self._dir, config.suite.score)
    self._films = training_films.TrainingFilms(config, self._env_steps)
    every, evaluated = (
        config.evaluate_every,
        self._evaluation_record.last_env_steps(),
    )
    if self._env_steps and evaluated // every < self._env_steps // every:
      resuming.say_gap(self._dir, 'evaluation.csv', evaluated, self._env_steps)
    self._actor = actors.UnrollActor(
        self._parts.behaviours,
        self._learner,
        pool,
        builder.make_inserter(setup.agent_spec(config), client),
        builder.needs_whole_episodes,
        config.rest_blocks,
    )
    self._num_learner_steps = builder.num_learner_steps

  def run(self) -> List[Dict[str, Any]]:
    """Trains to the end, and returns the rows of the last evaluation.

    There are none if the run was already at its end when it was resumed.
    """
    try:
      return self._run()
    finally:  # A checkpoint is finished even if the run has failed.
      self._parts.close()

  def _run(self) -> List[Dict[str, Any]]:
    config = self._config
    rows = []
    last = time.monotonic()
    with (
        stopping.StopSignals() as signals,
        displays.Display(config.num_env_steps, self._env_steps) as display,
    ):
      if self._dir.resume:
        display.print(f'{self._env_steps:>12,} steps: resuming from here')
      if self._env_steps == 0:
        rows = self._evaluate(display)
      while self._env_steps < config.num_env_steps:
        before = self._env_steps
        metrics = self._iterate()
        now = time.monotonic()
        self._wall_s += now - last
        last = now
        self._log(metrics, display)
        self._parts.check_saving()
        if signals.noted is not None:  # There may be little time.
          self._save(restart=False)
        if setup.is_due(config, config.evaluate_every, before, self._env_steps):
          rows = self._evaluate(display)
        if setup.is_due(
            config, config.checkpoint_every, before, self._env_steps
        ):
          self._save(restart=True)
        elif time.monotonic() > self._saved_at + 60 * config.checkpoint_minutes:
          self._save(restart=False)
        if signals.noted is not None and self._env_steps < config.num_env_steps:
          self._stop(signals.noted, display)
    self._parts.finish_saving()
    return rows

  def _iterate(self) -> Dict[str, float]:
    """Collects a block, learns from it and refreshes the actor's parameters.

    Returns:
      The metrics of speed, and the learner's metrics of its last step.
    """
    begin = time.monotonic()
    num_steps = self._actor.collect(restart=self._restart)
    self._restart = False
    if not self._env_steps:
      self._dir.note_step()
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

  def _log(self, metrics: Dict[str, float], display: displays.Display) -> None:
    row = self._train_record.add(
        self._env_steps,
        self._wall_s,
        self._learner.num_steps,
        self._pool.episodes(),
        metrics,
    )
    self._status.update(row)
    display.update(self._env_steps, self._status.text)

  def _evaluate(self, display: displays.Display) -> List[Dict[str, Any]]:
    config = self._config
    (parameters,) = self._learner.get_variables(['policy'])
    rows = evaluation.evaluate(
        self._pool,
        config.suite,
        self._parts.policies,
        parameters,
        episodes_per_task=config.evaluation_episodes,
        seed=config.seed,
    )
    display.print(
        self._evaluation_record.add(self._env_steps, self._wall_s, rows)
    )
    policies = self._parts.policies
    self._best.offer(rows, self._env_steps, self._wall_s, policies, parameters)
    self._films.offer(self._env_steps, policies, parameters)
    return rows

  def _save(self, restart: bool) -> None:
    """Writes a checkpoint.

    Args:
      restart: whether the next block begins with new episodes, as it does after
        a resumption. Then a resumed run learns the same. When a signal or the
        time asks for a checkpoint, the run itself must not depend on it.
    """
    self._restart = self._restart or restart
    if self._saved_steps == self._env_steps:
      return  # A signal has asked for it before.
    self._saved_steps, self._saved_at = self._env_steps, time.monotonic()
    self._parts.save(
        self._dir.path,
        self._env_steps,
        {
            'wall_s': self._wall_s,
            'counts': {
                name: int(count)
                for name, count in self._counter.get_counts().items()
            },
            'pool': self._pool.state(),
        },
    )

  def _stop(self, number: int, display: displays.Display) -> None:
    """Ends the run, because of a signal, after its checkpoint is written."""
    self._save(restart=False)  # The signal may have come in an evaluation.
    self._parts.finish_saving()
    display.print(
        f'stopped by {signal.Signals(number).name} at {self._env_steps:,} '
        f'steps, and saved; --run_dir={self._dir.path} --resume goes on.'
    )
    raise stopping.Stopped(number)

  def _restore(self, path: pathlib.Path) -> None:
    state = self._parts.restore(path)
    self._restart = True
    self._env_steps = state['env_steps']
    self._wall_s = state['wall_s']
    self._counter.increment(**state['counts'])
    self._pool.restore(state['pool'])
