"""Defines the nodes of a program: its learner, its actors and its evaluator.

A node that fails is constructed again. It finds all that it needs to continue
in the newest whole checkpoint and in the counter.
"""

import threading
import time
from typing import Any, Dict, List, Sequence

from acme.utils import counting
from distillery.agents.core import actors
from distillery.agents.core import evaluation
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import display
from distillery.agents.core.running import agent_parts
from distillery.agents.core.running import best_policies
from distillery.agents.core.running import metrics
from distillery.agents.core.running import resuming
from distillery.agents.core.running import setup
from distillery.agents.core.running import training_films
from distillery.distributed import lp
from distillery.environments.pool import process_pool
from distillery.networks import acting
import numpy as np
import reverb

_POLL_S = 0.5
# Seconds for which the evaluator waits at the end for the actors to leave.
_LAST_BLOCK_S = 10.0


class LearnerNode:
  """The node of the learner, which serves variables and writes checkpoints."""

  def __init__(
      self,
      config: setup.ExperimentConfig,
      num_actors: int,
      replay: reverb.Client,
      counter: counting.Counter,
  ):
    """Builds the learner, and restores the newest checkpoint if there is one.

    Args:
      config: the experiment.
      num_actors: the number of actors of the program.
      replay: a client of the Reverb server that holds the agent's tables.
      counter: the counter of the environment steps of all actors.

    Raises:
      ValueError: if the checkpoint belongs to other networks, or a policy could
        not be loaded back from a checkpoint.
    """
    self._config = config
    self._num_acting = num_actors
    self._counter = counter
    self._parts = agent_parts.AgentParts(
        setup.make_builder(config), replay, config.seed
    )
    self._learner = self._parts.learner
    self._env_steps = 0
    self._env_steps = self._count()
    self._wall_s = 0.0
    checkpoint = checkpoints.newest(config.run_dir.path)
    if checkpoint is not None:
      self._wall_s = self._parts.restore(checkpoint)['wall_s']
    if self._env_steps:
      display.say(
          f'the learner continues at {self._env_steps:,} steps, from the '
          f'checkpoint of {self._parts.saved:,} steps'
      )
    self._record = self._make_record()
    self._display = display.Display(config.num_env_steps, self._env_steps)
    self._status = metrics.Status(config.suite.score)
    self._lock = threading.Lock()
    self._episodes: List[process_pool.Episode] = []
    self._finished = False
    self._variables: List[Dict[str, np.ndarray]] = []
    self._publish()

  def get_variables(self, names: Sequence[str]) -> List[Dict[str, np.ndarray]]:
    """Returns the policies' variables, as a whole learner step left them."""
    del names  # There is one collection.
    return self._variables

  def policies(self, evaluated: bool) -> Dict[str, acting.AnyPolicy]:
    """Returns the NumPy policies that act with the variables, by name.

    Args:
      evaluated: true for the policies that are evaluated, false for those that
        act in training.
    """
    return self._parts.policies if evaluated else self._parts.behaviours

  def add_episodes(self, episodes: List[process_pool.Episode]) -> bool:
    """Adds an actor's finished episodes; returns whether it shall continue."""
    with self._lock:
      self._config.run_dir.note_step()
      self._episodes += episodes
    return not self._finished

  def leave(self) -> None:
    """Notes that an actor has ended, because the learner has finished."""
    with self._lock:
      self._num_acting -= 1

  def progress(self) -> Dict[str, Any]:
    """Returns how far the run is.

    Returns:
      env_steps: the environment steps so far. wall_s: seconds of learning.
      finished: whether learning has ended. num_acting: the number of actors
      that still collect.
    """
    return {
        'env_steps': self._env_steps,
        'wall_s': self._wall_s,
        'finished': self._finished,
        'num_acting': self._num_acting,
    }

  def run(self) -> None:
    """Learns until the run or the program ends."""
    try:
      with self._display:
        self._learn()
    finally:  # A new learner may take this one's place afterwards.
      self._parts.close()

  def _learn(self) -> None:
    config = self._config
    last = saved_at = time.monotonic()
    # The run ends once the last checkpoint is written, not with the last step.
    due = self._env_steps
    while (
        self._parts.saved < config.num_env_steps
        and not lp.stop_event().is_set()
    ):
      self._learner.step()
      self._publish()
      before, self._env_steps = self._env_steps, self._count()
      now = time.monotonic()
      self._wall_s, elapsed, last = self._wall_s + now - last, now - last, now
      with self._lock:
        episodes, self._episodes = self._episodes, []
      self._status.update(
          self._record.add(
              self._env_steps,
              self._wall_s,
              self._learner.num_steps,
              episodes,
              {
                  'steps_per_s': (self._env_steps - before) / elapsed,
                  **self._learner.metrics,
              },
          )
      )
      self._display.update(self._env_steps, self._status.text)
      is_due = (
          setup.is_due(config, config.checkpoint_every, due, self._env_steps)
          or now > saved_at + 60 * config.checkpoint_minutes
      )
      self._save(is_due)
      if is_due:
        due, saved_at = self._env_steps, now
    self._finished = True
    # An actor that waits for room in a full queue would not notice the end.
    while self._num_acting > 0 and not lp.wait_for_stop(_POLL_S):
      self._parts.empty_replay()
    lp.wait_for_stop()

  def _make_record(self) -> metrics.TrainRecord:
    config, steps = self._config, (self._env_steps, self._learner.num_steps)
    is_first = config.run_dir.resume and self._env_steps == self._parts.saved
    restart = resuming.take_back(config, *steps) if is_first else None
    return metrics.TrainRecord(
        config.run_dir,
        metrics.Summary(config.run_dir, restart),
        [task.name for task in config.suite.train_tasks],
        *steps,
    )

  def _save(self, is_due: bool) -> None:
    """Writes a checkpoint if one is due, and checks the one before.

    Learning continues if a checkpoint cannot be written, unless it is the last.
    """
    try:
      (self._parts.finish_saving if is_due else self._parts.check_saving)()
    except OSError as error:
      self._warn(error)
    if not is_due:
      return
    is_last = self._env_steps >= self._config.num_env_steps
    try:
      self._parts.save(
          self._config.run_dir.path,
          self._env_steps,
          {
              'wall_s': self._wall_s,
              'counts': {'env_steps': self._env_steps},
              'pool': None,
          },
      )
      if is_last:
        self._parts.finish_saving()
    except OSError as error:
      if is_last:
        raise
      self._warn(error)

  def _warn(self, error: OSError) -> None:
    display.say(
        f'warning: {error}; the next is tried in '
        f'{self._config.checkpoint_every:,} steps.'
    )

  def _count(self) -> int:
    """Returns the steps so far, and corrects a counter that was restarted."""
    count = int(self._counter.get_counts().get('env_steps', 0))
    if count < self._env_steps:
      self._counter.increment(env_steps=self._env_steps - count)
    return max(count, self._env_steps)

  def _publish(self) -> None:
    self._variables = self._learner.get_variables(['policy'])


class ActorNode:
  """The node that collects blocks until the learner has finished."""

  def __init__(
      self,
      config: setup.ExperimentConfig,
      index: int,
      num_workers: int,
      replay: reverb.Client,
      counter: counting.Counter,
      learner: LearnerNode,
  ):
    """Starts the processes that step this actor's environments.

    Args:
      config: the experiment.
      index: the actor's number, from 0.
      num_workers: the number of processes that step this actor's environments.
      replay: a client of the Reverb server that holds the agent's tables.
      counter: the counter of the environment steps of all actors.
      learner: the learner's node, or a handle of it in another process.
    """
    self._counter = counter
    self._learner = learner
    # A restarted actor has another seed, so that it does not play the same
    # episodes again.
    steps = int(counter.get_counts().get('env_steps', 0))
    seed = np.random.SeedSequence(
        config.seed, spawn_key=(index, steps)
    ).generate_state(1)[0]
    self._pool = setup.make_pool(config, num_workers, int(seed))
    self._actor = actors.UnrollActor(
        learner.policies(evaluated=False),
        learner,
        self._pool,
        config.make_builder.make_inserter(setup.agent_spec(config), replay),
        config.make_builder.needs_whole_episodes,
        config.rest_blocks,
    )

  def run(self) -> None:
    """Collects blocks, and leaves once the learner has finished."""
    with self._pool:
      more = True
      while more and not lp.stop_event().is_set():
        num_steps = self._actor.collect()
        self._counter.increment(env_steps=num_steps)
        more = self._learner.add_episodes(self._pool.episodes())
        self._actor.update()
    # The program ends after this, and so not while an actor waits for Reverb.
    self._learner.leave()


class EvaluatorNode:
  """The node that evaluates the learner's policies, and ends the program."""

  def __init__(
      self,
      config: setup.ExperimentConfig,
      num_workers: int,
      learner: LearnerNode,
  ):
    """Starts the processes that step the evaluator's environments.

    Args:
      config: the experiment.
      num_workers: the number of these processes.
      learner: the learner's node, or a handle of it in another process.
    """
    self._config = config
    self._learner = learner
    self._policies = learner.policies(evaluated=True)
    self._pool = setup.make_pool(config, num_workers, config.seed)

  def run(self) -> None:
    """Evaluates until the learner has finished, and ends the program."""
    config, env_steps = self._config, self._learner.progress()['env_steps']
    record = metrics.EvaluationRecord(
        config.run_dir,
        metrics.Summary(config.run_dir),
        env_steps,
        config.suite.score,
    )
    best = best_policies.BestPolicies(config.run_dir, config.suite.score)
    films = training_films.TrainingFilms(config, env_steps)
    last, every = record.last_env_steps(), config.evaluate_every
    with self._pool:
      while not lp.stop_event().is_set():
        progress = self._learner.progress()
        now, finished = progress['env_steps'], progress['finished']
        if now > last and (finished or now // every > last // every):
          self._evaluate(record, best, films, progress)
          last = now
        if finished:
          break
        lp.wait_for_stop(_POLL_S)
    deadline = time.monotonic() + _LAST_BLOCK_S
    while (
        self._learner.progress()['num_acting'] > 0
        and time.monotonic() < deadline
    ):
      lp.wait_for_stop(_POLL_S)
    lp.stop()

  def _evaluate(
      self,
      record: metrics.EvaluationRecord,
      best: best_policies.BestPolicies,
      films: training_films.TrainingFilms,
      progress: Dict[str, Any],
  ) -> None:
    (parameters,) = self._learner.get_variables(['policy'])
    config = self._config
    rows = evaluation.evaluate(
        self._pool,
        config.suite,
        self._policies,
        parameters,
        seed=config.seed,
        episodes_per_task=config.evaluation_episodes,
    )
    done = progress['env_steps'], progress['wall_s']
    display.say(record.add(*done, rows))
    best.offer(rows, *done, self._policies, parameters)
    films.offer(progress['env_steps'], self._policies, parameters)
