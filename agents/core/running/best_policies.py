"""Keeps the policies of a run's best evaluation."""

import json
import math
from typing import Any, Dict, List, Mapping

from distillery.agents.core import evaluation
from distillery.agents.core.run_files import checkpoint_writing
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import run_directory
from distillery.networks import acting
import numpy as np


class BestPolicies:
  """The policies of the best evaluation, in the folder `best` of a run.

  The best evaluation has the largest mean score, over the training tasks and
  over all evaluated policies. Of equal ones, the last is the best.
  """

  def __init__(self, run_dir: run_directory.RunDirectory, score: str):
    """Finds the best evaluation so far, if the run was resumed.

    Args:
      run_dir: the directory of the run.
      score: the suite's score, 'success' or 'return'.
    """
    self._path = run_dir.path
    self._score = score
    self._errors = display.BestEffort(run_dir.path / 'best')
    self._best = -math.inf
    with self._errors:
      path = checkpoints.newest(self._path, whole=False, folder_name='best')
      if path is not None:
        self._best = json.loads((path / 'state.json').read_text())['score']

  def offer(
      self,
      rows: List[Dict[str, Any]],
      env_steps: int,
      wall_s: float,
      policies: Mapping[str, acting.AnyPolicy],
      parameters: Mapping[str, np.ndarray],
  ) -> None:
    """Keeps the policies of an evaluation if it is the best.

    Args:
      rows: the rows that `evaluation.evaluate` returned.
      env_steps: the environment steps so far.
      wall_s: the seconds of training so far.
      policies: the policies that were evaluated, by name.
      parameters: their parameters, float32 arrays by name.
    """
    if not env_steps:  # Nothing has been learned yet.
      return
    score = float(
        np.mean(
            [
                evaluation.mean_score(rows, name, score=self._score)
                for name in policies
            ]
        )
    )
    if not score >= self._best:  # NaN: there is no training task.
      return
    with self._errors:
      checkpoint_writing.write_best(
          self._path,
          env_steps,
          policies,
          parameters,
          {'env_steps': env_steps, 'wall_s': wall_s, 'score': score},
      )
      self._best = score
