"""GAE against its definition, written as a double loop."""

from distillery.ops import advantages
import numpy as np
import pytest
import tensorflow as tf

# Six steps: an episode truncated after two, one terminated after two more, and
# one that the end of the unroll cuts. No value is the next one's next_value by
# accident: a truncation bootstraps from its own last observation.
EPISODE = {
    'reward': [1.0, -2.0, 0.5, 3.0, -1.0, 2.0],
    'discount': [1.0, 1.0, 1.0, 0.0, 1.0, 1.0],
    'episode_end': [False, True, False, True, False, False],
    'value': [0.3, -0.4, 1.5, 0.7, -0.2, 0.9],
    'next_value': [-0.4, 2.5, 0.7, 5.0, 0.9, -1.6],
}


def episode(**changes):
  arrays = {name: np.array(values) for name, values in EPISODE.items()}
  for name, (step, value) in changes.items():
    arrays[name][step] = value
  return arrays


def definition(
    reward, discount, episode_end, value, next_value, gamma, lambda_
):
  """A_t = sum_{u >= t} (gamma lambda)^{u-t} delta_u within the episode."""
  num_steps = len(reward)
  result = np.zeros(num_steps)
  for t in range(num_steps):
    weight = 1.0
    for u in range(t, num_steps):
      delta = reward[u] - value[u]
      if discount[u]:  # not terminated
        delta += gamma * next_value[u]
      result[t] += weight * delta
      if episode_end[u]:
        break
      weight *= gamma * lambda_
  return result


def compute(arrays, gamma=0.9, lambda_=0.8):
  """Computes the advantages of one task, `[T]` to `[T]`."""
  tensors = {name: tf.constant(array)[None] for name, array in arrays.items()}
  result = advantages.generalized_advantages(
      **tensors, gamma=gamma, lambda_=lambda_
  )
  return advantages.Advantages(*(x[0] for x in result))


@pytest.mark.parametrize('lambda_', [0.0, 0.8, 1.0])
@pytest.mark.parametrize('gamma', [0.0, 0.9, 0.99])
def test_equals_the_definition(gamma, lambda_):
  arrays = episode()
  result = compute(arrays, gamma, lambda_)
  expected = definition(**arrays, gamma=gamma, lambda_=lambda_)
  np.testing.assert_allclose(result.advantage, expected, atol=1e-12)
  np.testing.assert_allclose(
      result.value_target, expected + arrays['value'], atol=1e-12
  )


def test_environments_of_all_tasks_do_not_mix():
  rng = np.random.default_rng(0)
  shape = (3, 11, 2)  # [K, T, E]
  ends = rng.uniform(size=shape) < 0.3
  terminates = ends & (rng.uniform(size=shape) < 0.5)
  arrays = dict(
      reward=rng.normal(size=shape),
      discount=1.0 - terminates,
      episode_end=ends,
      value=rng.normal(size=shape),
      next_value=rng.normal(size=shape),
  )
  result = advantages.generalized_advantages(
      **{name: tf.constant(array) for name, array in arrays.items()},
      gamma=0.9,
      lambda_=0.8,
  ).advantage
  for k, e in np.ndindex(3, 2):
    column = {name: array[k, :, e] for name, array in arrays.items()}
    np.testing.assert_allclose(
        result[k, :, e],
        definition(**column, gamma=0.9, lambda_=0.8),
        atol=1e-12,
    )


def test_hand_worked():
  # gamma = lambda = 1/2.
  #   delta_2 = 8 + 1/2 * 4 - 6 = 4                  A_2 = 4
  #   delta_1 = 2 + 1/2 * 6 - 4 = 1                  A_1 = 1 + 1/4 * 4 = 2
  #   delta_0 = 3 + 1/2 * 4 - 2 = 3                  A_0 = 3 + 1/4 * 2 = 3.5
  result = advantages.generalized_advantages(
      tf.constant([[3.0, 2.0, 8.0]]),
      tf.ones([1, 3]),
      tf.zeros([1, 3], tf.bool),
      tf.constant([[2.0, 4.0, 6.0]]),
      tf.constant([[4.0, 6.0, 4.0]]),
      gamma=0.5,
      lambda_=0.5,
  )
  np.testing.assert_array_equal(result.advantage, [[3.5, 2.0, 4.0]])
  np.testing.assert_array_equal(result.value_target, [[5.5, 6.0, 10.0]])


def test_lambda_0_is_the_one_step_error():
  arrays = episode()
  delta = (
      arrays['reward']
      + 0.9 * arrays['discount'] * arrays['next_value']
      - arrays['value']
  )
  np.testing.assert_allclose(
      compute(arrays, lambda_=0.0).advantage, delta, atol=1e-15
  )


def test_lambda_1_is_the_return_up_to_the_end_of_episode_or_unroll():
  targets = compute(episode(), lambda_=1.0).value_target
  np.testing.assert_allclose(
      targets,
      [
          1.0 + 0.9 * (-2.0 + 0.9 * 2.5),
          -2.0 + 0.9 * 2.5,  # truncated: bootstraps
          0.5 + 0.9 * 3.0,
          3.0,  # terminated: does not
          -1.0 + 0.9 * (2.0 + 0.9 * -1.6),
          2.0 + 0.9 * -1.6,
      ],  # the unroll's end does
      atol=1e-12,
  )


@pytest.mark.parametrize(
    'name, step, value, moved',
    [
        ('reward', 1, 9.0, [0, 1]),
        ('reward', 3, 9.0, [2, 3]),
        ('reward', 5, 9.0, [4, 5]),
        ('discount', 1, 0.0, [0, 1]),
        ('discount', 4, 0.0, [4]),
        ('discount', 3, 1.0, [2, 3]),
        ('episode_end', 1, False, [0, 1]),
        ('episode_end', 4, True, [4]),
        ('value', 0, 9.0, [0]),
        ('value', 2, 9.0, [2]),
        ('next_value', 1, 9.0, [0, 1]),
        ('next_value', 5, 9.0, [4, 5]),
        ('next_value', 3, 9.0, []),  # terminated: worth nothing
        # discount 0 cuts by itself, whatever episode_end says.
        ('episode_end', 3, False, []),
    ],
)
def test_an_entry_moves_the_advantages_before_it(name, step, value, moved):
  before = compute(episode()).advantage.numpy()
  after = compute(episode(**{name: (step, value)})).advantage.numpy()
  assert list(np.flatnonzero(before != after)) == moved


def test_gamma_and_lambda_move_the_answer():
  base = compute(episode()).advantage.numpy()
  assert np.abs(compute(episode(), gamma=0.8).advantage - base).max() > 0.1
  assert np.abs(compute(episode(), lambda_=0.7).advantage - base).max() > 0.1


def test_no_gradient_flows():
  tensors = {
      name: tf.constant(array)[None] for name, array in episode().items()
  }
  watched = [tensors[name] for name in ('reward', 'value', 'next_value')]
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(watched)
    result = advantages.generalized_advantages(
        **tensors, gamma=0.9, lambda_=0.8
    )
  assert tape.gradient(result.advantage, watched) == [None] * 3
  assert tape.gradient(result.value_target, watched) == [None] * 3


@pytest.mark.parametrize(
    'name', ['discount', 'episode_end', 'value', 'next_value']
)
def test_shapes_that_would_broadcast_are_refused(name):
  arrays = {key: array[:, np.newaxis] for key, array in episode().items()}
  arrays[name] = arrays[name][:, 0]
  with pytest.raises(
      ValueError, match=rf'generalized_advantages: {name} has shape \(1, 6\)'
  ):
    compute(arrays)


def test_float32_stays_float32():
  arrays = {
      name: array if array.dtype == bool else array.astype(np.float32)
      for name, array in episode().items()
  }
  assert compute(arrays).advantage.dtype == tf.float32


def test_advantages_are_standardised_task_by_task():
  x = np.array([[1.0, 2.0, 3.0, 6.0], [10.0, 10.0, 10.0, 10.0]], np.float32)
  result = advantages.standardize(tf.constant(x), min_std=0.5)
  std = np.sqrt(3.5)
  np.testing.assert_allclose(
      result.advantage, [(x[0] - 3.0) / std, [0.0] * 4], rtol=1e-6
  )
  np.testing.assert_allclose(result.scale, [[1.0 / std], [2.0]], rtol=1e-6)


def test_what_values_explain():
  target = tf.constant([[0.0, 2.0, 4.0, 6.0]] * 3)
  value = tf.stack([target[0], 7.0 + 0.0 * target[0], 3.0 + 0.5 * target[0]])
  np.testing.assert_allclose(
      advantages.explained(value, target), [1.0, 0.0, 0.75], atol=1e-6
  )


@pytest.mark.parametrize(
    'call, words',
    [
        (
            lambda: advantages.standardize(tf.zeros([6]), min_std=1.0),
            r'standardize: advantage has shape \(6,\), want \(None, None\)',
        ),
        (
            lambda: advantages.standardize(tf.zeros([2, 3, 4]), min_std=1.0),
            'standardize: advantage has shape',
        ),
        (
            lambda: advantages.explained(tf.zeros([2, 3]), tf.zeros([1, 3])),
            r'explained: value_target has shape \(1, 3\), but value has',
        ),
        (
            lambda: advantages.explained(tf.zeros([2, 3]), tf.zeros([3])),
            'explained: value_target has shape',
        ),
        (lambda: compute(episode(), 1.5, 0.9), 'gamma and lambda_ must be'),
        (lambda: compute(episode(), 0.9, -0.1), 'gamma and lambda_ must be'),
    ],
)
def test_shapes_that_fit_by_chance_are_refused(call, words):
  with pytest.raises(ValueError, match=words):
    call()
