"""The learner, the actors and the evaluator of a program.

Crash-only: whichever of them ends is constructed anew, and takes up from the
newest whole checkpoint and from the counter what it needs to go on.
"""

import threading
import time
from typing import Any, Dict, List, Sequence

from acme.utils import counting
from distillery.agents.core import actors
from distillery.agents.core import checkpoints
from distillery.agents.core import evaluation
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import metrics
from distillery.agents.core.running import parts
from distillery.agents.core.running import resuming
from distillery.agents.core.running import setup
from distillery.distributed import lp
from distillery.environments.pool import process_pool
from distillery.networks import acting
import numpy as np
import reverb

_POLL_S = 0.5
_LAST_BLOCK_S = 10.0  # That the evaluator waits for actors at the end.


class LearnerNode:
  """Learns from replay until the steps are made; serves variables."""

  def __init__(
      self,
      config: setup.ExperimentConfig,
      num_actors: int,
      replay: reverb.Client,
      counter: counting.Counter,
  ):
    """Takes up the newest checkpoint, if there is one."""
    self._config = config
    self._num_acting = num_actors
    self._counter = counter
    self._parts = parts.Parts(setup.make_builder(config), replay, config.seed)
    self._learner = self._parts.learner
    self._env_steps = 0
    self._env_steps = self._count()
    self._wall_s = 0.0
    checkpoint = checkpoints.newest(config.run_dir.path)
    if checkpoint is not None:
      self._wall_s = self._parts.restore(checkpoint)['wall_s']
    if self._env_steps:
      display.say(
          f'the learner goes on at {self._env_steps:,} steps, with '
          f'what it had learned at {self._parts.saved:,}'
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
    """The policy, as it was after some whole learner step."""
    del names  # There is one collection.
    return self._variables

  def policies(self, evaluated: bool) -> Dict[str, acting.AnyPolicy]:
    """What acts with the variables, in NumPy, by name.

    Args:
      evaluated: whether to return those that are evaluated, or those that act
        in training.
    """
    return self._parts.policies if evaluated else self._parts.behaviours

  def add_episodes(self, episodes: List[process_pool.Episode]) -> bool:
    """Takes in what ended in an actor; returns whether there is more to do."""
    with self._lock:
      self._config.run_dir.note_step()
      self._episodes += episodes
    return not self._finished

  def leave(self) -> None:
    """Says that an actor has ended, as there was no more to do."""
    with self._lock:
      self._num_acting -= 1

  def progress(self) -> Dict[str, Any]:
    """Where the run is.

    env_steps and wall_s; finished: whether all is learned; num_acting: how many
    actors still collect.
    """
    return {
        'env_steps': self._env_steps,
        'wall_s': self._wall_s,
        'finished': self._finished,
        'num_acting': self._num_acting,
    }

  def run(self) -> None:
    """Learns to the end."""
    try:
      with self._display:
        self._learn()
    finally:  # Before another learner takes this one's place.
      self._parts.close()

  def _learn(self) -> None:
    config = self._config
    last = time.monotonic()
    # Not the steps are the end, but that what was learned from them is saved.
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
      is_due = setup.is_due(
          config, config.checkpoint_every, due, self._env_steps
      )
      self._save(is_due)
      due = self._env_steps if is_due else due
    self._finished = True
    # Actors may wait for room in a full queue, and would not hear of the end.
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
    """Writes a checkpoint if it is due, or hears how the last one got on.

    Learning goes on without one, but not to the end.
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
    """Steps so far; tells them to a counter that was started anew."""
    count = int(self._counter.get_counts().get('env_steps', 0))
    if count < self._env_steps:
      self._counter.increment(env_steps=self._env_steps - count)
    return max(count, self._env_steps)

  def _publish(self) -> None:
    self._variables = self._learner.get_variables(['policy'])


class ActorNode:
  """Collects blocks until the program ends."""

  def __init__(
      self,
      config: setup.ExperimentConfig,
      index: int,
      num_workers: int,
      replay: reverb.Client,
      counter: counting.Counter,
      learner: LearnerNode,
  ):
    """Starts the processes that step this actor's environments."""
    self._counter = counter
    self._learner = learner
    # Another seed in each life: what was seen is not to be seen again.
    steps = int(counter.get_counts().get('env_steps', 0))
    seed = np.random.SeedSequence(
        config.seed, spawn_key=(index, steps)
    ).generate_state(1)[0]
    self._pool = setup.make_pool(config, num_workers, int(seed))
    self._actor = actors.UnrollActor(
        learner.policies(evaluated=False),
        learner,
        self._pool,
        config.make_builder.make_inserter(
            setup.agent_spec(config.suite), replay
        ),
        config.make_builder.needs_whole_episodes,
    )

  def run(self) -> None:
    """Collects."""
    with self._pool:
      more = True
      while more and not lp.stop_event().is_set():
        num_steps = self._actor.collect()
        self._counter.increment(env_steps=num_steps)
        more = self._learner.add_episodes(self._pool.episodes())
        self._actor.update()
    # Before the end of the program: it would find an actor waiting for Reverb.
    self._learner.leave()


class EvaluatorNode:
  """Evaluates the learner's policies now and then, and at the end."""

  def __init__(
      self,
      config: setup.ExperimentConfig,
      num_workers: int,
      learner: LearnerNode,
  ):
    """Starts the processes that step its environments."""
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
    last, every = record.last_env_steps(), config.evaluate_every
    with self._pool:
      while not lp.stop_event().is_set():
        progress = self._learner.progress()
        now, finished = progress['env_steps'], progress['finished']
        if now > last and (finished or now // every > last // every):
          self._evaluate(record, progress)
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
      self, record: metrics.EvaluationRecord, progress: Dict[str, Any]
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
    display.say(record.add(progress['env_steps'], progress['wall_s'], rows))
