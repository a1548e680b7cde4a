"""Which evaluation is the best, and what is kept of it."""

import types

from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.running import best_policies
import numpy as np

POLICY = types.SimpleNamespace(to_json=dict)
POLICIES = {'task': POLICY, 'shared': POLICY}


def rows(task, shared=None, held_out=1.0):
  return [
      {'policy': policy, 'split': split, 'success': score, 'return': -score}
      for policy, split, score in (
          ('task', 'train', task),
          ('shared', 'train', shared),
          ('shared', 'test', held_out),
      )
      if score is not None
  ]


class Run:
  """A run with an evaluation every ten steps."""

  def __init__(self, path, score='success', policies=POLICIES):
    self._path, self._policies = path, policies
    self._best = best_policies.BestPolicies(
        types.SimpleNamespace(path=path), score
    )
    self.steps = 0

  def evaluate(self, found):
    """Returns the steps of the best evaluation after one more."""
    self.steps += 10
    parameters = {'steps': np.full(3, self.steps, np.float32)}
    self._best.offer(found, self.steps, 1.0, self._policies, parameters)
    path = checkpoints.newest(self._path, whole=False, folder_name='best')
    with np.load(path / 'policy.npz') as kept:
      assert kept['steps'][0] == checkpoints.env_steps(path)
    return checkpoints.env_steps(path)


def test_the_mean_over_policies_and_training_tasks_decides(tmp_path):
  run = Run(tmp_path)
  scores = [(0.2, 0.2), (0.8, 0.0), (0.1, 0.6), (0.4, 0.4), (0.3, 0.3)]
  best = [run.evaluate(rows(*score, held_out=0.0)) for score in scores]
  # Of equal ones, the last is the best.
  assert best == [10, 20, 20, 40, 40]


def test_held_out_tasks_do_not_count(tmp_path):
  run = Run(tmp_path)
  assert run.evaluate(rows(0.2, 0.2, held_out=0.0)) == 10
  assert run.evaluate(rows(0.1, 0.1, held_out=1.0)) == 10


def test_a_suite_may_be_scored_by_return(tmp_path):
  run = Run(tmp_path, score='return', policies={'task': POLICY})
  assert run.evaluate(rows(0.2)) == 10
  assert run.evaluate(rows(0.5)) == 10
  assert run.evaluate(rows(0.1)) == 30


def test_a_resumed_run_knows_the_best_so_far(tmp_path):
  assert Run(tmp_path).evaluate(rows(0.5, 0.5)) == 10
  run = Run(tmp_path)
  run.steps = 10
  assert run.evaluate(rows(0.4, 0.4)) == 10
  assert run.evaluate(rows(0.6, 0.6)) == 30


def test_before_the_first_step_there_is_nothing_to_keep(tmp_path):
  best = best_policies.BestPolicies(
      types.SimpleNamespace(path=tmp_path), 'success'
  )
  best.offer(rows(1.0, 1.0), 0, 0.0, POLICIES, {})
  assert not list(tmp_path.iterdir())


def test_a_run_goes_on_if_nothing_can_be_written(tmp_path, capsys):
  (tmp_path / 'best').write_text('a file in the way')
  best = best_policies.BestPolicies(
      types.SimpleNamespace(path=tmp_path), 'success'
  )
  for steps in (10, 20):
    best.offer(rows(1.0, 1.0), steps, 0.0, POLICIES, {})
  said = capsys.readouterr().out
  assert said.count('warning: cannot write') == 1 and 'best' in said
