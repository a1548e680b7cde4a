"""The policies in NumPy against those in TensorFlow."""

import itertools
import json
import pickle
import subprocess
import sys

from distillery.networks import acting
from distillery.networks.acting import columns as acting_columns
from distillery.networks.acting import gaussian as acting_gaussian
from distillery.networks.policies import columns
import numpy as np
import pytest
import tensorflow as tf

K, C, D = 3, 2, 39  # tasks, environments of a unit, observation size
ARCHITECTURES = ('shared', 'separate', 'two_column')
CASES = list(
    itertools.product(
        ARCHITECTURES, [False, True], [False, True], ['task', 'shared']
    )
)


def make(architecture, is_discrete, observes_task, seed=0, **changes):
  """All variables random, those of the normalisers included."""
  policy = columns.ColumnPolicy(
      K,
      D,
      4,
      is_discrete=is_discrete,
      architecture=architecture,
      alpha=0.4,
      hidden_sizes=(32, 16),
      shared_observes_task=observes_task,
      std=columns.StdRange(1.0, 0.1, 1.6),
      min_observation_std=0.01,
      seed=seed,
      **changes,
  )
  rng = np.random.default_rng(seed)
  for name, variable in policy.acting_variables().items():
    if not name.endswith(('/mean', '/inverse_std')):
      variable.assign(0.3 * rng.normal(size=variable.shape))
  scale = np.logspace(-1, 1, D)
  policy.observe(
      tf.constant(
          scale * (rng.normal(size=(K, 50, D)) + rng.normal(size=(K, 1, D))),
          tf.float32,
      )
  )
  return policy


def arrays(policy):
  return {
      name: variable.numpy()
      for name, variable in policy.acting_variables().items()
  }


def observations(num_units, seed=1):
  rng = np.random.default_rng(seed)
  x = np.logspace(-1, 1, D) * rng.normal(size=(num_units, C, D))
  x[0, 0, :3] *= 1e4  # far outside what the normaliser clips to
  return x.astype(np.float32)


@pytest.mark.parametrize('pooled', [False, True])
@pytest.mark.parametrize('task_observes_task', [False, True])
@pytest.mark.parametrize(
    'architecture, is_discrete, observes_task, which', CASES
)
def test_equals_tensorflow(
    architecture, is_discrete, observes_task, which, task_observes_task, pooled
):
  policy = make(
      architecture,
      is_discrete,
      observes_task,
      task_observes_task=task_observes_task,
      pooled_normalizer=pooled,
  )
  twin = policy.acting_policy(which)
  # Tasks in no order, and one of them twice.
  task_index = np.array([2, 0, 1, 2])
  observation = observations(len(task_index))
  selected = twin.select_tasks(arrays(policy), task_index)
  noise = twin.draw_noise(np.random.default_rng(0), 1, range(4 * C)).reshape(
      4, C, 4
  )
  action, log_prob = twin.sample(selected, observation, noise)
  mode = twin.deterministic(selected, observation)
  assert log_prob.dtype == np.float32 and log_prob.shape == (4, C)
  for u, k in enumerate(task_index):
    # Through row k of the task-major batch.
    rows = np.zeros((K, C, D), np.float32)
    rows[k] = observation[u]
    expected = getattr(policy, which)(rows)
    taken = np.zeros((K, *action.shape[1:]), action.dtype)
    taken[k] = action[u]
    np.testing.assert_allclose(
        log_prob[u], expected.log_prob(taken)[k], rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        mode[u], expected.mode()[k], rtol=1e-5, atol=1e-5
    )
    if is_discrete:
      assert action.dtype == mode.dtype == np.int32
      logits = np.log(expected.probs_parameter()[k])
      np.testing.assert_array_equal(
          action[u], np.argmax(logits + noise[u], axis=-1)
      )
    else:
      assert action.dtype == mode.dtype == np.float32
      np.testing.assert_allclose(
          (action[u] - mode[u]) / noise[u], expected.stddev()[k], rtol=1e-4
      )
      np.testing.assert_allclose(
          action[u],
          expected.mean()[k] + expected.stddev()[k] * noise[u],
          rtol=1e-5,
          atol=1e-5,
      )


def test_the_random_parameters_are_not_trivial():
  """The comparison above would pass on policies that are all alike."""
  first = [make(*case[:3]) for case in CASES]
  x = observations(K)
  means = {}
  for policy, (architecture, is_discrete, observes, which) in zip(first, CASES):
    if not is_discrete:
      twin = policy.acting_policy(which)
      means[architecture, observes, which] = twin.deterministic(
          twin.select_tasks(arrays(policy), np.arange(K)), x
      )
  for observes in (False, True):
    distinct = [
        means['two_column', observes, 'task'],
        means['separate', observes, 'task'],
        means['shared', observes, 'task'],
    ]
    for a, b in itertools.combinations(distinct, 2):
      assert np.abs(a - b).mean() > 0.1
  for architecture in ARCHITECTURES:
    assert (
        np.abs(
            means[architecture, False, 'shared']
            - means[architecture, True, 'shared']
        ).mean()
        > 0.05
    )


@pytest.mark.parametrize('observes_task', [False, True])
@pytest.mark.parametrize('is_discrete', [False, True])
@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_a_row_does_not_depend_on_the_units_that_share_the_call(
    architecture, is_discrete, observes_task
):
  policy = make(
      architecture,
      is_discrete,
      observes_task,
      task_observes_task=observes_task,
      pooled_normalizer=observes_task,
  )
  bounds = () if is_discrete else ([-1.0] * 4, [0.5] * 4)
  twin, parameters = policy.acting_policy('task', *bounds), arrays(policy)
  task_index = np.array([0, 0, 1, 1, 1, 2, 2])
  x = observations(7)
  noise = twin.draw_noise(np.random.default_rng(0), 7, range(C))

  def act(units):
    selected = twin.select_tasks(parameters, task_index[units])
    return (
        *twin.sample(selected, x[units], noise[units]),
        twin.deterministic(selected, x[units]),
    )

  together = act(np.arange(7))
  for units in ([0], [3], [6], [5, 1], [6, 4, 2, 0], [0, 1, 2, 3, 4, 5]):
    for part, whole in zip(act(np.array(units)), together):
      np.testing.assert_array_equal(part, whole[units])


@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_pi_0_acts_in_held_out_tasks_too(architecture):
  policy = make(architecture, False, False)
  twin, x = policy.acting_policy('shared'), observations(1)
  np.testing.assert_array_equal(
      *(
          twin.deterministic(
              twin.select_tasks(arrays(policy), np.array([task])), x
          )
          for task in (0, 99)
      )
  )


@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_frequencies_of_discrete_actions(architecture):
  policy = make(architecture, True, False)
  twin = policy.acting_policy('task')
  # Few dimensions of state, many draws: units that all hold one observation.
  x = np.repeat(observations(1)[:, 1:], 2, axis=1)
  selected = twin.select_tasks(arrays(policy), np.array([1]))
  noise = twin.draw_noise(np.random.default_rng(0), 4000, range(C))
  drawn = np.array([twin.sample(selected, x, n[np.newaxis])[0] for n in noise])
  rows = np.zeros((K, C, D), np.float32)
  rows[1] = x[0]
  probability = policy.task(rows).probs_parameter().numpy()[1, 0]
  frequency = np.bincount(drawn.ravel(), minlength=4) / drawn.size
  error = np.sqrt(probability * (1.0 - probability) / drawn.size)
  assert (np.abs(frequency - probability) < 4.0 * error).all()


def test_moments_of_continuous_actions():
  policy = make('two_column', False, False)
  twin = policy.acting_policy('task')
  x = np.repeat(observations(1)[:, 1:], 2, axis=1)
  selected = twin.select_tasks(arrays(policy), np.array([1]))
  noise = twin.draw_noise(np.random.default_rng(0), 4000, range(C))
  drawn = np.concatenate(
      [twin.sample(selected, x, n[np.newaxis])[0][0] for n in noise]
  )
  rows = np.zeros((K, C, D), np.float32)
  rows[1] = x[0]
  expected = policy.task(rows)
  mean, std = expected.mean()[1, 0], expected.stddev()[1, 0].numpy()
  assert (np.abs(drawn.mean(axis=0) - mean) < 4.0 * std / np.sqrt(8000)).all()
  np.testing.assert_allclose(drawn.std(axis=0), std, rtol=0.04)
  correlation = np.corrcoef(drawn.T) - np.eye(4)
  assert np.abs(correlation).max() < 0.05


@pytest.mark.parametrize(
    'low, high',
    [
        ([-1.0, -0.5, 0.0, -2.0], [1.0, 0.5, 0.3, 3.0]),
        ([-np.inf, -1.0, -np.inf, -9.0], [np.inf, np.inf, 0.0, -8.0]),
    ],
)
@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_deterministic_action_is_the_mean_of_the_clipped_one(
    architecture, low, high
):
  policy = make(architecture, False, False)
  twin = policy.acting_policy('task', low, high)
  selected = twin.select_tasks(arrays(policy), np.arange(K))
  x = observations(K)
  noise = np.linspace(-8.0, 8.0, 4001)
  weight = np.exp(-0.5 * noise**2)
  weight /= weight.sum()
  distribution = policy.task(x)
  mean, std = (
      y.numpy().astype(np.float64)
      for y in (distribution.mean(), distribution.stddev())
  )
  executed = np.clip(
      mean[..., np.newaxis] + std[..., np.newaxis] * noise,
      np.array(low)[:, np.newaxis],
      np.array(high)[:, np.newaxis],
  )
  result = twin.deterministic(selected, x)
  assert result.dtype == np.float32
  np.testing.assert_allclose(result, executed @ weight, atol=2e-5)
  assert ((result >= low) & (result <= high)).all()
  assert np.abs(result - mean).max() > 0.1


@pytest.mark.parametrize('is_discrete', [False, True])
def test_noise_is_the_generators_own(is_discrete):
  twin = make('two_column', is_discrete, False).acting_policy('task')
  first = twin.draw_noise(np.random.default_rng(1), 3, range(5))
  assert first.shape == (3, 5, 4) and first.dtype == np.float32
  np.testing.assert_array_equal(
      first, twin.draw_noise(np.random.default_rng(1), 3, range(5))
  )
  assert (first != twin.draw_noise(np.random.default_rng(2), 3, range(5))).all()


def test_colored_noise_moves_the_actions_and_keeps_their_log_probability():
  policy = make('two_column', False, False)
  twin = policy.acting_policy('task', noise_colors=(1.0,))
  noise = twin.draw_noise(np.random.default_rng(1), 100, range(5))
  np.testing.assert_array_equal(
      noise,
      acting_gaussian.colored_noise(
          np.random.default_rng(1), 100, range(5), 4, (1.0,)
      ),
  )
  white = policy.acting_policy('task')
  selected = twin.select_tasks(arrays(policy), np.array([0]))
  for got, want in zip(
      *(
          p.sample(selected, observations(1), noise[:1, :C])
          for p in (twin, white)
      )
  ):
    np.testing.assert_array_equal(got, want)


def test_large_logits_stay_finite():
  policy = make('separate', True, False)
  parameters = arrays(policy)
  parameters['task/w2'] = 1e4 * parameters['task/w2']
  twin = policy.acting_policy('task')
  selected = twin.select_tasks(parameters, np.array([0]))
  _, log_prob = twin.sample(
      selected, observations(1), np.zeros((1, C, 4), np.float32)
  )
  np.testing.assert_allclose(log_prob, 0.0, atol=1e-6)


@pytest.mark.parametrize(
    'architecture, is_discrete, observes_task, which', CASES
)
def test_round_trips(architecture, is_discrete, observes_task, which):
  bounds = () if is_discrete else ([-1.0] * 4, [0.5, 1.0, 2.0, np.inf])
  twin = make(
      architecture, is_discrete, observes_task, task_observes_task=is_discrete
  ).acting_policy(which, *bounds)
  content = json.loads(json.dumps(twin.to_json()))
  assert acting.from_json(content) == twin
  assert 'class' in content  # left whole by from_json
  assert pickle.loads(pickle.dumps(twin)) == twin


def test_from_json_refuses_what_it_does_not_know():
  with pytest.raises(
      ValueError, match=r"unknown policy 'os\.system'; known: \['ColumnPol"
  ):
    acting.from_json({'class': 'os.system'})


class Own(acting_columns.ColumnPolicy):
  """A policy of a user's own."""


def test_from_json_knows_what_is_registered(monkeypatch):
  monkeypatch.setattr(acting, '_POLICIES', dict(acting._POLICIES))
  policy = Own(**make('shared', True, False).acting_policy('task').__dict__)
  with pytest.raises(ValueError, match="unknown policy 'Own'"):
    acting.from_json(policy.to_json())
  assert acting.register(Own) is Own is acting.register(Own)
  loaded = acting.from_json(policy.to_json())
  assert isinstance(loaded, Own) and loaded == policy


def test_a_registered_name_cannot_be_registered_again():
  other = type('ColumnPolicy', (), {})
  with pytest.raises(ValueError, match="'ColumnPolicy' already: <class 'disti"):
    acting.register(other)


def test_a_policy_without_state_size_is_not_registered():
  class Silent:
    """A policy without a `state_size`."""

  with pytest.raises(ValueError, match="policy 'Silent' has no `state_size`"):
    acting.register(Silent)
  assert 'Silent' not in acting._POLICIES


def test_acting_needs_numpy_alone():
  program = (
      'import sys\n'
      'import numpy\n'
      'before = set(sys.modules)\n'
      'import distillery.networks.acting\n'
      'after = {name.split(".")[0] for name in set(sys.modules) - before}\n'
      'after -= set(sys.stdlib_module_names) | {"numpy", "distillery"}\n'
      'assert not after, after\n'
  )
  result = subprocess.run(
      [sys.executable, '-c', program],
      capture_output=True,
      text=True,
      timeout=60,
  )
  assert result.returncode == 0, result.stderr


def test_deterministic_action_is_the_mean_of_what_is_executed():
  mean = np.array([[[0.0, 0.5, -3.0, 2.0]]], np.float32)
  std = np.array([1.0, 1.5, 2.0, 0.01], np.float32)
  low, high = np.array([-1.0, -1.0, -1.0, -np.inf]), np.array(
      [1.0, 1.0, 0.5, 1.0]
  )
  noise = np.random.default_rng(0).standard_normal((1_000_000, 4))
  executed = np.clip(mean[0, 0] + std * noise, low, high).mean(axis=0)
  np.testing.assert_allclose(
      acting_gaussian.clipped_mean(mean, std, low, high)[0, 0],
      executed,
      atol=4e-3,
  )


def test_observations_of_another_size_are_refused():
  policy = make('two_column', False, False)
  twin = policy.acting_policy('task')
  selected = twin.select_tasks(arrays(policy), np.arange(K))
  noise = np.zeros((K, C, 4), np.float32)
  for size in (1, D - 1, D + K):
    rows = np.zeros((K, C, size), np.float32)
    with pytest.raises(ValueError, match=rf'got shape \[3, 2, {size}\], want'):
      twin.sample(selected, rows, noise)
    with pytest.raises(ValueError, match=rf'got shape \[3, 2, {size}\], want'):
      twin.deterministic(selected, rows)


@pytest.mark.parametrize('index', [[-1], [K], [1.0], [True], ['1'], 1.5])
def test_tasks_that_there_are_not_are_refused(index):
  policy = make('two_column', False, True)
  for which in ('task', 'shared'):
    with pytest.raises(ValueError, match=r'^task_index: got .* in \[0, 3\)$'):
      policy.acting_policy(which).select_tasks(arrays(policy), np.array(index))
