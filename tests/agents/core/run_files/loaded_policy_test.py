"""Tests of the arguments of a trained policy: accepted or refused."""

import functools

from distillery.agents.core import actors
from distillery.agents.core.run_files import loaded_policy
from distillery.networks import acting
from distillery.networks.acting import latent as acting_latent
from distillery.networks.policies import columns
from distillery.networks.policies import multi_head
from distillery.networks.policies import recurrent
from distillery.networks.policies import squashed
from dm_env import specs
import numpy as np
import pytest
import tensorflow as tf

K, D, A, L = 3, 5, 2, 4
LOW, HIGH = (-1.0,) * A, (1.0,) * A


def parts_of(policy, twin, **more):
  """The policy in NumPy, and random parameters, the tasks' differing."""
  rng = np.random.default_rng(0)
  parameters = {
      name: rng.normal(size=variable.shape).astype(np.float32)
      for name, variable in policy.acting_variables().items()
  }
  return twin, {**parameters, **more}


def of_columns(
    architecture, which='task', is_discrete=False, observes_task=False
):
  policy = columns.ColumnPolicy(
      K,
      D,
      A,
      is_discrete=is_discrete,
      architecture=architecture,
      alpha=0.5,
      hidden_sizes=(8,),
      shared_observes_task=observes_task,
      task_observes_task=observes_task,
      pooled_normalizer=observes_task,
      std=columns.StdRange(1.0, 0.1, 2.0),
      min_observation_std=0.01,
      seed=0,
  )
  return parts_of(
      policy,
      policy.acting_policy(which, *([], []) if is_discrete else (LOW, HIGH)),
  )


def of_heads(architecture):
  policy = multi_head.MultiHeadPolicy(
      K,
      D,
      A,
      architecture=architecture,
      hidden_sizes=(8, 6),
      initial_std=0.7,
      min_observation_std=0.1,
      seed=0,
  )
  return parts_of(policy, policy.acting_policy('task', LOW, HIGH))


def of_sac(architecture, observes_task):
  policy = squashed.SquashedPolicy(
      K,
      D,
      A,
      architecture=architecture,
      observes_task=observes_task,
      hidden_sizes=(8,),
      seed=0,
  )
  return parts_of(policy, policy.acting_policy(LOW, HIGH))


def of_pearl():
  # The policy is of the tasks of an update, fewer than there are.
  policy = squashed.SquashedPolicy(
      2,
      D + L,
      A,
      architecture='shared',
      observes_task=False,
      hidden_sizes=(8,),
      seed=0,
  )
  latents = np.random.default_rng(1).normal(size=(K, L)).astype(np.float32)
  return parts_of(
      policy,
      policy.acting_policy(LOW, HIGH, latents='posterior'),
      posterior=latents,
  )


def of_damsel():
  rng = np.random.default_rng(0)
  shapes = {
      'policy/w0': (1, D + L, 8),
      'policy/b0': (1, 1, 8),
      'policy/w1': (1, 8, A),
      'policy/b1': (1, 1, A),
      'observation_mean': (1, 1, D),
      'observation_inverse_std': (1, 1, D),
      'inferred': (K, L),
  }
  return acting_latent.LatentPolicy('inferred', 2, 0.1, LOW, HIGH), {
      name: rng.normal(size=shape).astype(np.float32)
      for name, shape in shapes.items()
  }


POLICIES = {
    'distral, two columns': lambda: of_columns('two_column'),
    'distral, two columns, shared': lambda: of_columns('two_column', 'shared'),
    'distral, discrete': lambda: of_columns('two_column', is_discrete=True),
    'trpo': lambda: of_columns('shared'),
    'trpo that sees the task': lambda: of_columns(
        'shared', 'shared', observes_task=True
    ),
    'dnc': lambda: of_columns('separate', observes_task=True),
    'a2c, heads': lambda: of_heads('multi_head'),
    'a2c, apart': lambda: of_heads('separate'),
    'sac': lambda: of_sac('shared', True),
    'sac, heads': lambda: of_sac('multi_head', False),
    'sac, stacked': lambda: of_sac('separate', False),
    'damsel': of_damsel,
    'pearl': of_pearl,
}
# The task makes no difference to these.
BLIND = ('distral, two columns, shared', 'trpo')


@functools.cache
def made(name):
  """The policy of a name and its parameters, which are made once."""
  twin, parameters = POLICIES[name]()
  for value in parameters.values():
    value.flags.writeable = False
  return twin, parameters


@pytest.fixture(name='name', params=POLICIES)
def fixture_name(request):
  return request.param


@pytest.fixture(name='policy')
def fixture_policy(name):
  return loaded_policy.LoadedPolicy(*made(name), 0, 0.0)


def observations(num_rows=4):
  return np.random.default_rng(2).normal(size=(num_rows, D)).astype(np.float32)


def test_one_index_is_that_of_all_rows(policy):
  x = observations()
  for index in range(K):
    np.testing.assert_array_equal(
        policy.act(x[:1], index), policy.act(x[:1], [index])
    )
    np.testing.assert_array_equal(
        policy.act(x, index), policy.act(x, [index] * 4)
    )


def test_a_single_observation_is_a_row_of_one(policy):
  x = observations()
  want = policy.act(x, [0, 1, 2, 1])
  for index in (1, [1], np.int64(1), np.array(1, np.uint8), tf.constant(1)):
    got = policy.act(x[3], index)
    assert got.shape == want[3].shape and got.dtype == want.dtype
    np.testing.assert_allclose(got, want[3], rtol=1e-5, atol=1e-6)


def test_rows_may_come_in_any_type_that_holds_them(policy):
  x = observations()
  want = policy.act(x, [0, 1, 2, 1])
  for rows in (
      x.astype(np.float64),
      x.tolist(),
      tf.constant(x),
      x.astype('>f4'),
      np.asfortranarray(x),
  ):
    for index in (
        (0, 1, 2, 1),
        np.array([0, 1, 2, 1], np.uint64),
        tf.constant([0, 1, 2, 1]),
    ):
      np.testing.assert_array_equal(policy.act(rows, index), want)
  np.testing.assert_array_equal(
      policy.act(np.arange(D), 0), policy.act(np.arange(D, dtype=np.float32), 0)
  )


def test_no_rows_have_no_actions(policy):
  x = observations()
  for index in ([], np.zeros(0, int), 1):
    assert policy.act(x[:0], index).shape == (0, *policy.act(x, 0).shape[1:])


@pytest.mark.parametrize(
    'index',
    [
        -1,
        K,
        [0, -1, 0, 0],
        [0, 0, 0, K],
        2**40,
        1.0,
        1.5,
        [1.0] * 4,
        True,
        [True] * 4,
        [1, 0, 1, float('nan')],
        None,
        '1',
        1j,
        np.array([1] * 4, object),
    ],
    ids=repr,
)
def test_a_bad_task_index_is_refused(policy, index):
  x = observations()
  policy.act(x, [1] * 4)  # 1. and True are equal to what was asked last.
  with pytest.raises(
      ValueError, match=(r'^task_index: got .+, want integers in \[0, 3\)$')
  ):
    policy.act(x, index)


@pytest.mark.parametrize(
    'index',
    [[0], [0, 1], [0] * 5, [[0] * 4], [[0], [1], [2], [1]], []],
    ids=repr,
)
def test_an_index_for_each_row_or_one_for_all(policy, index):
  with pytest.raises(
      ValueError,
      match=(
          r'^task_index: got shape \[.*\], want one integer, or \[4\], one for'
      ),
  ):
    policy.act(observations(), index)
  with pytest.raises(ValueError, match=r'got shape \[2\], want one .* \[1\]'):
    policy.act(observations()[0], [0, 1])


@pytest.mark.parametrize(
    'shape',
    [
        (4, D + K),
        (4, 1),
        (1, D - 1),
        (D + K,),
        (1,),
        (0,),
        (),
        (4, 1, D),
        (4, 0),
    ],
)
def test_observations_of_another_shape_are_refused(policy, shape):
  with pytest.raises(
      ValueError,
      match=(
          r'^observation: got shape \[.*\], want \[N, 5\] or \[5\], without a one-'
      ),
  ):
    policy.act(np.zeros(shape, np.float32), 0)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf, 1e300])
def test_observations_that_are_not_finite_are_refused(policy, value):
  x = observations().astype(np.float64)
  x[2, 3] = value
  with pytest.raises(
      ValueError,
      match=(
          r'^observation: got -?(nan|inf) at index \[2, 3\], want finite float32'
      ),
  ):
    policy.act(x, 0)


def test_observations_that_are_no_numbers_are_refused(policy):
  x = observations()
  for rows in (
      x.astype(object),
      x.astype(str),
      x.astype(complex),
      [[None] * D],
  ):
    with pytest.raises(ValueError, match='^observation: got dtype .*, want '):
      policy.act(rows, 0)
  with pytest.raises(ValueError, match='^observation: got .*equally long$'):
    policy.act([[1.0] * D, [1.0] * (D - 1)], 0)


def test_changes_of_an_argument_in_place_have_no_effect(name):
  twin, parameters = POLICIES[name]()
  policy = loaded_policy.LoadedPolicy(twin, parameters, 0, 0.0)
  x, index = observations(), np.array([0, 1, 2, 1])
  before = policy.act(x, index)
  index[:] = 2
  after = policy.act(x, index)
  np.testing.assert_array_equal(after, policy.act(x, [2] * 4))
  assert (after == before).all() == (name in BLIND)
  for array in parameters.values():
    array += 1
  np.testing.assert_array_equal(policy.act(x, [0, 1, 2, 1]), before)
  for array in policy.parameters.values():
    with pytest.raises(ValueError, match='read-only'):
      array[...] = 0.0


class Own(acting.ActingPolicy):
  """A policy of a user's own, which does not know its sizes."""

  def select_tasks(self, parameters, task_index):
    return parameters['gain'][task_index]

  def deterministic(self, selected, observation):
    return selected[:, np.newaxis] * observation


def test_a_policy_that_does_not_know_its_sizes_acts_as_well():
  own = loaded_policy.LoadedPolicy(
      Own(), {'gain': np.float32([[1.0], [2.0]])}, 0, 0.0
  )
  x = observations()
  np.testing.assert_array_equal(own.act(x, 1), 2.0 * x)
  for index in (-1, 1.5, True):
    with pytest.raises(ValueError, match=r'^task_index: got .* in \[0, inf\)'):
      own.act(x, index)
  with pytest.raises(ValueError, match=r'want \[N, D\] or \[D\]'):
    own.act(x[0, 0], 1)


class Source:
  """Stands for a learner."""

  def __init__(self, parameters):
    self._parameters = parameters

  def get_variables(self, names):
    del names
    return [self._parameters]


def make_actor(policy, parameters, task_index):
  return actors.PolicyActor(
      policy,
      Source(parameters),
      action_spec=specs.Array((A,), np.float32),
      task_index=task_index,
      seed=0,
      deterministic=True,
  )


@pytest.mark.parametrize('index', [-1, K, 1.0, True, None])
def test_an_actor_of_no_task_is_refused(name, index):
  with pytest.raises(ValueError, match=r'^task_index: got .* in \[0, 3\)$'):
    make_actor(*made(name), index)


def test_an_actor_acts_as_the_policy_does(name, policy):
  actor = make_actor(*made(name), 1)
  x = observations()[0]
  np.testing.assert_array_equal(actor.select_action(x), policy.act(x, 1))
  np.testing.assert_array_equal(
      actor.select_action(x.astype(np.float64)), policy.act(x, 1)
  )
  for rows in (x[:1], x[np.newaxis], np.float32(1.0), np.append(x, 1.0)):
    with pytest.raises(ValueError, match=r'^observation: .* want \[5\], with'):
      actor.select_action(rows)
  with pytest.raises(ValueError, match=r'^observation: got nan at index \[0\]'):
    actor.select_action(x * np.nan)


@pytest.mark.parametrize(
    'parts',
    [
        dict(),
        dict(hidden_sizes=()),
        dict(conv_channels=(), hidden_sizes=()),
        dict(conv_channels=()),
    ],
)
@pytest.mark.parametrize('architecture', ['shared', 'separate', 'two_column'])
def test_a_policy_with_a_memory_knows_its_sizes(architecture, parts):
  policy = recurrent.RecurrentColumnPolicy(
      K,
      7 * 7 * 2 + 3,
      4,
      image_shape=(7, 7, 2),
      architecture=architecture,
      alpha=0.5,
      lstm_size=5,
      seed=0,
      **{'conv_channels': (3, 4), 'hidden_sizes': (6,), **parts},
  )
  twin, parameters = parts_of(policy, policy.acting_policy('task'))
  has_tasks = architecture != 'shared'
  assert twin.sizes(parameters) == (K if has_tasks else np.inf, 7 * 7 * 2 + 3)
  with pytest.raises(ValueError, match=r'^task_index: got -1, want integers'):
    make_actor(twin, parameters, -1)
  actor = make_actor(twin, parameters, 1)
  with pytest.raises(ValueError, match=r'^observation: .* want \[101\]'):
    actor.select_action(np.zeros(100, np.float32))
  assert actor.select_action(np.zeros(101, np.float32)) in range(4)
