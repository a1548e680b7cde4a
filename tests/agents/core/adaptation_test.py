"""Trajectories one after another, each made from those before it."""

from distillery.agents.core import adaptation
from distillery.environments.pool import episodes as pool_episodes
import numpy as np
import pytest

K, T = 2, 4
NAMES = ('far', 'near')


class Pool:
  """Writes each block over the one before, as the pool does."""

  def __init__(self):
    self.calls = []
    self._block = {'reward': np.zeros((K, T, 1), np.float32)}

  def set_policy(self, policy, parameters):
    self.calls.append(('set_policy', policy, parameters))

  def set_parameters(self, parameters):
    self.calls.append(('set_parameters', parameters))

  def collect(self, *, restart):
    assert restart
    self._block['reward'] += 1.0
    return self._block

  def episodes(self):
    """The near task is solved from the second trajectory on; it ends first."""
    number = self._block['reward'][0, 0, 0]
    return [
        pool_episodes.Episode(name, 0, int(number), 0.0, T, success)
        for name, success in (('near', number > 1.0), ('far', False))
    ]


class Adapter:
  """Tells what it was given."""

  policy = 'the policy'

  def parameters(self, blocks):
    return [float(block['reward'][0, 0, 0]) for block in blocks]

  def latents(self, blocks):
    return np.full((K, 3), len(blocks))

  def inferred_families(self, blocks):
    return np.full(K, 10 + len(blocks))


@pytest.mark.parametrize('num', [1, 3])
def test_trajectories_come_one_after_another_and_are_kept(num):
  pool = Pool()
  found = adaptation.adapt(pool, Adapter(), NAMES, num)
  assert [each.block['reward'].max() for each in found] == list(
      range(1, num + 1)
  )
  assert pool.calls == [('set_policy', 'the policy', [])] + [
      ('set_parameters', [1.0, 2.0, 3.0][:i]) for i in range(1, num)
  ]
  for i, each in enumerate(found):
    np.testing.assert_array_equal(each.success, [False, i > 0])
    np.testing.assert_array_equal(each.latent, np.full((K, 3), i))
    np.testing.assert_array_equal(each.inferred_family, [10 + i, 10 + i])


@pytest.mark.parametrize(
    'names',
    [('far',), ('far', 'near', 'new'), ('far', 'new'), ('far', 'near', 'near')],
)
def test_other_names_than_the_pools_are_refused(names):
  with pytest.raises(ValueError, match=r"^task_names: got .*, want .*'near'"):
    adaptation.adapt(Pool(), Adapter(), names, 1)


@pytest.mark.parametrize('num', [0, -1, 1.5, True])
def test_there_is_at_least_one_trajectory(num):
  with pytest.raises(ValueError, match='^num_trajectories: got '):
    adaptation.adapt(Pool(), Adapter(), NAMES, num)
