"""The surrogate and the clipped one, by hand."""

import functools

from distillery.ops import policy_gradient
import numpy as np
import pytest
import tensorflow as tf

LOG_2, LOG_3 = np.log(2.0), np.log(3.0)


def differentiated(function, ratio, advantage):
  """Returns `function` of one sample and its derivative by log_prob."""
  log_prob = tf.constant([LOG_3 + np.log(ratio)])
  behaviour = tf.constant([LOG_3])
  advantage = tf.constant([advantage], tf.float64)
  with tf.GradientTape() as tape:
    tape.watch([log_prob, behaviour, advantage])
    result = function(log_prob, behaviour, advantage)
    loss = getattr(result, 'loss', result)
  gradients = tape.gradient(loss, [log_prob, behaviour, advantage])
  assert gradients[1:] == [None, None]
  return result, gradients[0].numpy().item()


def surrogate(ratio, advantage, clip_ratio=0.2):
  return differentiated(
      functools.partial(
          policy_gradient.clipped_surrogate, clip_ratio=clip_ratio
      ),
      ratio,
      advantage,
  )


@pytest.mark.parametrize(
    'ratio, advantage, loss',
    [
        (1.0, 2.0, -2.0),
        (1.0, -2.0, 2.0),
        (1.5, 2.0, -3.0),
        (9.0, 2.0, -18.0),
        (0.5, -2.0, 1.0),
    ],
)
def test_without_a_clip_hand_worked(ratio, advantage, loss):
  result, derivative = differentiated(
      policy_gradient.surrogate, ratio, advantage
  )
  np.testing.assert_allclose(result, [loss])
  # d(w A)/dlog pi = w A.
  np.testing.assert_allclose(derivative, loss)


@pytest.mark.parametrize(
    'ratio, advantage, loss, gradient, is_clipped',
    [
        # -min(w A, clip(w) A); d/dlog pi = -w A unless the clipped one is less.
        (1.0, 2.0, -2.0, -2.0, False),
        (1.0, -2.0, 2.0, 2.0, False),
        (1.1, 2.0, -2.2, -2.2, False),
        (1.5, 2.0, -2.4, 0.0, True),  # good, and likely enough: no more
        (1.5, -2.0, 3.0, 3.0, True),  # bad, and likelier than before: back
        (0.5, 2.0, -1.0, -1.0, True),  # good, and less likely: back
        (0.5, -2.0, 1.6, 0.0, True),  # bad, and unlikely enough: no more
    ],
)
def test_hand_worked(ratio, advantage, loss, gradient, is_clipped):
  result, derivative = surrogate(ratio, advantage)
  np.testing.assert_allclose(result.loss, [loss])
  np.testing.assert_allclose(derivative, gradient, atol=1e-15)
  np.testing.assert_allclose(np.exp(result.log_ratio), [ratio], rtol=1e-6)
  assert result.is_clipped.numpy() == [is_clipped]


def test_clip_ratio_moves_the_answer():
  result, gradient = surrogate(1.5, 2.0, clip_ratio=0.6)
  np.testing.assert_allclose(result.loss, [-3.0])
  np.testing.assert_allclose(gradient, -3.0)
  assert not result.is_clipped.numpy()


def test_at_the_behaviour_policy_it_is_the_score_function():
  rng = np.random.default_rng(0)
  logits = tf.constant(rng.normal(size=(5, 3)))
  action = tf.constant(rng.integers(3, size=5))
  advantage = tf.constant(rng.normal(size=5))

  def log_prob():
    return tf.gather(tf.nn.log_softmax(logits), action, batch_dims=1)

  behaviour = log_prob()
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(logits)
    loss = policy_gradient.clipped_surrogate(
        log_prob(), behaviour, advantage, clip_ratio=0.2
    ).loss
    score = -log_prob() * advantage
  np.testing.assert_allclose(
      tape.gradient(loss, logits), tape.gradient(score, logits), atol=1e-14
  )


def test_diagnostics_carry_no_gradient():
  log_prob = tf.constant([0.1])
  with tf.GradientTape() as tape:
    tape.watch(log_prob)
    result = policy_gradient.clipped_surrogate(
        log_prob, tf.constant([0.0]), tf.constant([1.0]), clip_ratio=0.2
    )
  assert tape.gradient(result.log_ratio, log_prob) is None


@pytest.mark.parametrize('clip_ratio', [0.0, -0.1, float('nan')])
def test_clip_ratio_is_positive(clip_ratio):
  with pytest.raises(ValueError, match='clip_ratio must be positive'):
    surrogate(1.0, 1.0, clip_ratio=clip_ratio)


@pytest.mark.parametrize(
    'function, options',
    [
        (policy_gradient.surrogate, {}),
        (policy_gradient.clipped_surrogate, {'clip_ratio': 0.2}),
    ],
)
@pytest.mark.parametrize('wrong', ['behaviour_log_prob', 'advantage'])
def test_shapes_that_would_broadcast_are_refused(wrong, function, options):
  tensors = dict.fromkeys(
      ('log_prob', 'behaviour_log_prob', 'advantage'), tf.zeros([4])
  )
  tensors[wrong] = tf.zeros([4, 1])
  with pytest.raises(
      ValueError, match=f'^{function.__name__}: {wrong} has shape'
  ):
    function(**tensors, **options)
