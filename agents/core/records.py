"""What a run leaves while it goes on: tables, TensorBoard, its curve."""

import contextlib
import os
import secrets
import socket
import time
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Sequence

from distillery.agents.core import display
from distillery.agents.core import evaluation
from distillery.agents.core import plotting
from distillery.agents.core import run_directory
from distillery.environments import pool as pools
import numpy as np
import tensorflow as tf

# Environment steps between what TensorBoard gets, where no episode ended.
_SUMMARY_EVERY = 2_000


class Summary:
  """Scalars for TensorBoard.

  `tf.summary` takes a hundred times as long, and TensorFlow 2.15 keeps a
  kilobyte of each number that it is given, for ever.
  """

  def __init__(self, run_dir: run_directory.RunDirectory):
    """Begins a file in the run's directory.

    Raises:
      OSError: if it cannot be written.
    """
    folder = run_dir.path / 'tensorboard'
    folder.mkdir(exist_ok=True)
    # Their order is that of time; a program's nodes have one each.
    name = (f'events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.'
            f'{os.getpid()}.{secrets.token_hex(4)}')
    with _os_errors():
      self._writer = tf.io.TFRecordWriter(str(folder / name))
    self._write(file_version='brain.Event:2')

  def write(self, env_steps: int, scalars: Mapping[str, float]) -> None:
    """Adds some, by name; flushed on return.

    Raises:
      OSError: if they cannot be written.
    """
    self._write(step=env_steps, summary=tf.compat.v1.Summary(value=[
        tf.compat.v1.Summary.Value(tag=name, simple_value=value)
        for name, value in scalars.items()]))

  def _write(self, **event: Any) -> None:
    with _os_errors():
      self._writer.write(tf.compat.v1.Event(
          wall_time=time.time(), **event).SerializeToString())
      self._writer.flush()


class TrainRecord:
  """`train.csv`, a row a block; and for TensorBoard, if more seldom."""

  def __init__(self, run_dir: run_directory.RunDirectory,
               summary: Summary, task_names: Sequence[str],
               env_steps: int, learner_steps: int):
    """Opens the table; later rows, of a run resumed, are dropped.

    Args:
      run_dir: of the run.
      summary: for TensorBoard.
      task_names: of the tasks that are trained on.
      env_steps: where the run is.
      learner_steps: likewise.
    """
    self._csv = run_dir.open_csv('train.csv')
    # A run that begins again writes the rows of step 0 again too.
    self._csv.truncate(env_steps or -1, learner_steps)
    self._summary = summary
    self._summed_up = -_SUMMARY_EVERY  # At how many steps for TensorBoard.
    self._task_names = task_names

  def add(self, env_steps: int, wall_s: float, learner_steps: int,
          episodes: Sequence[pools.Episode],
          metrics: Mapping[str, float]) -> Dict[str, Any]:
    """Adds a row, to the table only if something was learned; returns it.

    Args:
      env_steps: where the run is.
      wall_s: how long it took.
      learner_steps: so far.
      episodes: that ended since the last row.
      metrics: of speed and of the learner.
    """
    by_task = {name: [e for e in episodes if e.task == name]
               for name in self._task_names}
    success = {name: float(np.mean([e.success for e in finished]))
               for name, finished in by_task.items() if finished}
    row = {
        'env_steps': env_steps,
        'wall_s': round(wall_s, 2),
        'learner_steps': learner_steps,
        'episodes': len(episodes),
        'episode_return': _mean(e.return_ for e in episodes),
        'episode_success': _mean(success.values()),
        **{name: round(value, 6) for name, value in metrics.items()},
    }
    if learner_steps:
      self._csv.append([row])
    if not episodes and env_steps < self._summed_up + _SUMMARY_EVERY:
      return row
    self._summed_up = env_steps
    self._summary.write(env_steps, {
        **{f'train/{name}': value for name, value in row.items()
           if name != 'env_steps' and value != ''},
        **{f'train_success/{name}': value for name, value in success.items()}})
    return row


class Status:
  """How the episodes go that are learned from.

  Attributes:
    text: the latest of it, in a few words.
  """

  def __init__(self, score: str):
    """Initialises the words; `score` is the suite's, a column."""
    self._score = score
    self.text = 'first episodes'

  def update(self, row: Mapping[str, Any]) -> None:
    """Takes in a row of `TrainRecord.add`."""
    if row['episodes']:  # Else those that ended last are still the latest.
      self.text = f'training {self._score} ' + evaluation.score_text(
          row[f'episode_{self._score}'], self._score, digits=0)


class EvaluationRecord:
  """`evaluation.csv`, the same for TensorBoard, and `learning_curve.png`."""

  def __init__(self, run_dir: run_directory.RunDirectory,
               summary: Summary, env_steps: int,
               score: str):
    """Opens the table; a resumed run's rows after `env_steps` are dropped.

    Args:
      run_dir: of the run.
      summary: for TensorBoard.
      env_steps: where the run is.
      score: of the suite.
    """
    self._score = score
    self._path = run_dir.path
    self._csv = run_dir.open_csv(
        'evaluation.csv', run_directory.EVALUATION_COLUMNS)
    self._csv.truncate(env_steps or -1)
    self._summary = summary

  def last_env_steps(self) -> int:
    """Of the last evaluation; -1 if there was none."""
    return self._csv.last_env_steps()

  def add(self, env_steps: int, wall_s: float,
          rows: List[Dict[str, Any]]) -> str:
    """Adds the rows of an evaluation; returns a line that sums them up."""
    self._csv.append([
        {'env_steps': env_steps, 'wall_s': round(wall_s, 2), **row}
        for row in rows])
    self._summary.write(env_steps, {
        f'evaluation_{row["policy"]}/{row["task"]}': row[self._score]
        for row in rows})
    plotting.learning_curve(
        self._path / 'evaluation.csv', self._path / 'learning_curve.png',
        self._score)
    means = {
        policy: evaluation.mean_score(rows, policy, score=self._score)
        for policy in dict.fromkeys(row['policy'] for row in rows)}
    return f'{env_steps:>12,} steps: ' + ', '.join(
        f'{policy} policy {evaluation.score_text(mean, self._score)}'
        for policy, mean in means.items()) + f' {self._score}'


class BestEffort:
  """A context in which what cannot be written is lost, and said once."""

  def __init__(self):
    """Initialises the context."""
    self._is_full = False

  def __enter__(self):
    return self

  def __exit__(self, kind, error, traceback) -> bool:
    if isinstance(error, OSError) and not self._is_full:
      display.say(f'warning: {error}; rows are lost until it can be written.')
    if error is None or isinstance(error, OSError):
      self._is_full = error is not None
    return self._is_full and isinstance(error, OSError)


@contextlib.contextmanager
def _os_errors() -> Iterator[None]:
  """What TensorFlow raises of a file becomes an OSError."""
  try:
    yield
  except tf.errors.OpError as error:
    raise OSError('cannot write for TensorBoard: '
                  f'{error.message.splitlines()[0]}') from error


def _mean(values: Iterable[float]) -> Any:
  """Mean, or an empty cell if there is none."""
  values = list(values)
  return round(float(np.mean(values)), 4) if values else ''
