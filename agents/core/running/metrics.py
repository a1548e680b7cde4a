"""Records a run's metrics: in tables, for TensorBoard, and as a curve."""

import os
import secrets
import socket
import time
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from distillery.agents.core import evaluation
from distillery.agents.core.run_files import curves
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import folders
from distillery.agents.core.run_files import run_directory
from distillery.environments.pool import process_pool
import numpy as np
import tensorflow as tf

# The environment steps between two rows for TensorBoard, if no episode ended.
_SUMMARY_EVERY = 2_000


class Summary:
  """The writer of scalars for TensorBoard.

  `tf.summary` would take a hundred times as long. With TensorFlow 2.15 it also
  leaks a kilobyte of memory for each number.
  """

  def __init__(
      self, run_dir: run_directory.RunDirectory, restart: Optional[int] = None
  ):
    """Initialises the summary; nothing is written.

    Args:
      run_dir: the directory of the run.
      restart: the step from which on TensorBoard ignores what older files hold;
        None: it ignores nothing.
    """
    # Files sort by time. Each node of a program has a file of its own.
    self._path = (
        run_dir.path
        / 'tensorboard'
        / (
            f'events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.'
            f'{os.getpid()}.{secrets.token_hex(4)}'
        )
    )
    self._restart = restart
    self._errors = display.BestEffort(self._path.parent)
    self._writer: Optional[tf.io.TFRecordWriter] = None

  def open(self) -> None:
    """Makes a file in the run's directory, if there is none yet."""
    with self._errors:
      self._open()

  def write(self, env_steps: int, scalars: Mapping[str, float]) -> None:
    """Writes scalars, and flushes them.

    Args:
      env_steps: the environment steps so far.
      scalars: the scalars by name.
    """
    with self._errors:
      self._open()
      _write(
          self._writer,
          step=env_steps,
          summary=tf.compat.v1.Summary(
              value=[
                  # A user's name may hold characters that UTF-8 cannot encode.
                  tf.compat.v1.Summary.Value(
                      tag=name.encode('utf-8', 'backslashreplace').decode(),
                      simple_value=value,
                  )
                  for name, value in scalars.items()
              ]
          ),
      )

  def _open(self) -> None:
    if self._writer is None:
      folders.make(self._path.parent)
      writer = tf.io.TFRecordWriter(str(self._path))
      _write(writer, file_version='brain.Event:2')
      if self._restart is not None:
        _write(
            writer,
            step=self._restart,
            session_log=tf.compat.v1.SessionLog(
                status=tf.compat.v1.SessionLog.START
            ),
        )
      self._writer = writer


class TrainRecord:
  """The record of training: `train.csv`, and fewer rows for TensorBoard."""

  def __init__(
      self,
      run_dir: run_directory.RunDirectory,
      summary: Summary,
      task_names: Sequence[str],
      env_steps: int,
      learner_steps: int,
  ):
    """Opens the table, and drops rows after the steps of a resumed run.

    Args:
      run_dir: the directory of the run.
      summary: the writer for TensorBoard.
      task_names: the names of the training tasks.
      env_steps: the environment steps so far.
      learner_steps: the learner steps so far.

    Raises:
      OSError: if the table cannot be written.
      ValueError: if it cannot be read; see `csv_tables.read`.
    """
    self._csv = run_dir.open_csv('train.csv')
    # A run at step 0 writes the rows of step 0 again, so -1.
    say_dropped(
        env_steps,
        {'train.csv': self._csv.truncate(env_steps or -1, learner_steps)},
    )
    self._summary = summary
    self._table_errors = display.BestEffort(run_dir.path / 'train.csv')
    summary.open()
    # The environment steps of TensorBoard's last row.
    self._summed_up = -_SUMMARY_EVERY
    self._task_names = task_names

  def add(
      self,
      env_steps: int,
      wall_s: float,
      learner_steps: int,
      episodes: Sequence[process_pool.Episode],
      metrics: Mapping[str, float],
  ) -> Dict[str, Any]:
    """Adds a row; the table gets it only if the learner has made a step.

    Args:
      env_steps: the environment steps so far.
      wall_s: the seconds of training so far.
      learner_steps: the learner steps so far.
      episodes: the episodes that ended since the last row.
      metrics: the metrics of speed and of the learner, by name.

    Returns:
      The row: its cells by the table's columns.
    """
    by_task = {
        name: [e for e in episodes if e.task == name]
        for name in self._task_names
    }
    success = {
        name: float(np.mean([e.success for e in finished]))
        for name, finished in by_task.items()
        if finished
    }
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
      with self._table_errors:
        self._csv.append([row])
    if not episodes and env_steps < self._summed_up + _SUMMARY_EVERY:
      return row
    self._summed_up = env_steps
    self._summary.write(
        env_steps,
        {
            **{
                f'train/{name}': value
                for name, value in row.items()
                if name != 'env_steps' and value != ''
            },
            **{
                f'train_success/{name}': value
                for name, value in success.items()
            },
        },
    )
    return row


class Status:
  """The score of the latest training episodes, in words.

  Attributes:
    text: the latest words.
  """

  def __init__(self, score: str):
    """Initialises the words; `score` is the suite's 'success' or 'return'."""
    self._score = score
    self.text = 'first episodes'

  def update(self, row: Mapping[str, Any]) -> None:
    """Updates the words from a row that `TrainRecord.add` returned."""
    if row['episodes']:  # Otherwise the words on earlier episodes stay.
      self.text = f'training {self._score} ' + evaluation.score_text(
          row[f'episode_{self._score}'], self._score, digits=0
      )


class EvaluationRecord:
  """The record of evaluations: `evaluation.csv`, TensorBoard and a picture."""

  def __init__(
      self,
      run_dir: run_directory.RunDirectory,
      summary: Summary,
      env_steps: int,
      score: str,
  ):
    """Opens the table, and drops rows after the steps of a resumed run.

    Args:
      run_dir: the directory of the run.
      summary: the writer for TensorBoard.
      env_steps: the environment steps so far.
      score: the suite's score, 'success' or 'return'.

    Raises:
      OSError: if the table cannot be written.
      ValueError: if it cannot be read; see `csv_tables.read`.
    """
    self._score = score
    self._path = run_dir.path
    self._csv = run_dir.open_csv(
        'evaluation.csv', run_directory.EVALUATION_COLUMNS
    )
    say_dropped(
        env_steps, {'evaluation.csv': self._csv.truncate(env_steps or -1)}
    )
    self._summary = summary
    self._table_errors = display.BestEffort(run_dir.path / 'evaluation.csv')
    self._picture_errors = display.BestEffort(
        run_dir.path / 'learning_curve.png'
    )

  def last_env_steps(self) -> int:
    """Returns the environment steps of the last evaluation; -1: none."""
    return self._csv.last_env_steps()

  def add(
      self, env_steps: int, wall_s: float, rows: List[Dict[str, Any]]
  ) -> str:
    """Adds the rows of an evaluation, and draws the learning curve.

    Args:
      env_steps: the environment steps so far.
      wall_s: the seconds of training so far.
      rows: the rows that `evaluation.evaluate` returned.

    Returns:
      A line of text with the mean score of each policy.
    """
    with self._table_errors:
      self._csv.append(
          [
              {'env_steps': env_steps, 'wall_s': round(wall_s, 2), **row}
              for row in rows
          ]
      )
    self._summary.write(
        env_steps,
        {
            f'evaluation_{row["policy"]}/{row["task"]}': row[self._score]
            for row in rows
        },
    )
    with self._picture_errors:
      curves.learning_curve(
          self._path / 'evaluation.csv',
          self._path / 'learning_curve.png',
          self._score,
      )
    means = {
        policy: evaluation.mean_score(rows, policy, score=self._score)
        for policy in dict.fromkeys(row['policy'] for row in rows)
    }
    return (
        f'{env_steps:>12,} steps: '
        + ', '.join(
            f'{policy} policy {evaluation.score_text(mean, self._score)}'
            for policy, mean in means.items()
        )
        + f' {self._score}'
    )


def say_dropped(env_steps: int, dropped: Mapping[str, int]) -> None:
  """Prints how many rows of which tables a resumed run has dropped.

  Args:
    env_steps: the environment steps after which the rows came.
    dropped: the number of dropped rows, by the table's name.
  """
  rows = ' and '.join(
      f'{num:,} row{"s" if num > 1 else ""} of {name}'
      for name, num in dropped.items()
      if num
  )
  if rows:
    display.say(
        f'dropped {rows} from after {env_steps:,} steps, where the run '
        'resumes'
    )


def _write(writer: tf.io.TFRecordWriter, **event: Any) -> None:
  writer.write(
      tf.compat.v1.Event(wall_time=time.time(), **event).SerializeToString()
  )
  writer.flush()


def _mean(values: Iterable[float]) -> Any:
  """Returns the mean, or an empty cell if there are no values."""
  values = list(values)
  return round(float(np.mean(values)), 4) if values else ''
