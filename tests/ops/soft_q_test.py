"""The losses of soft actor-critic, by hand."""

from distillery.ops import soft_q
import numpy as np
import pytest
import tensorflow as tf

K, N = 2, 3
REWARD = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
DISCOUNT = tf.constant([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
Q = tf.constant(
    [[[1.0, 5.0, 3.0], [7.0, 2.0, 1.0]], [[2.0, 4.0, 3.0], [6.0, 3.0, 0.0]]]
)
LOG_PROB = tf.constant([[-1.0, -2.0, 0.5], [1.0, 2.0, 3.0]])
TEMPERATURE = tf.constant([0.1, 2.0])


def gradients(loss, *tensors):
  tensors = [tf.convert_to_tensor(x) for x in tensors]
  with tf.GradientTape() as tape:
    tape.watch(tensors)
    value = tf.reduce_sum(loss(*tensors))
  return tape.gradient(value, tensors)


def test_critic_target():
  """The lesser of the twins, less alpha log pi; nothing after a terminal."""
  got = soft_q.critic_target(
      REWARD, DISCOUNT, Q, LOG_PROB, TEMPERATURE, gamma=0.5
  )
  np.testing.assert_allclose(
      got,
      [
          [1.0 + 0.5 * (1.0 + 0.1), 2.0, 3.0 + 0.5 * (3.0 - 0.05)],
          [4.0 + 0.5 * (6.0 - 2.0), 5.0 + 0.5 * (2.0 - 4.0), 6.0],
      ],
  )


def test_no_gradient_passes_the_target():
  found = gradients(
      lambda *x: soft_q.critic_target(*x, gamma=0.5),
      REWARD,
      DISCOUNT,
      Q,
      LOG_PROB,
      TEMPERATURE,
  )
  assert found == [None] * 5


def test_critic_loss():
  target = tf.constant([[0.0, 4.0, 5.0], [7.0, 1.0, 0.0]])
  # For both critics: 1 + 1 + 4 and 4 + 0 + 4;  0 + 1 + 1 and 1 + 4 + 0.
  np.testing.assert_allclose(
      soft_q.critic_loss(Q, target), [14.0 / 3.0, 7.0 / 3.0], rtol=1e-6
  )
  of_q, of_target = gradients(soft_q.critic_loss, Q, target)
  np.testing.assert_allclose(of_q, 2.0 * (Q - target) / N, rtol=1e-6)
  assert of_target is None


def test_actor_loss_prefers_what_is_worth_more_and_likely_less():
  got = soft_q.actor_loss(Q, LOG_PROB, TEMPERATURE)
  # min Q: 1 4 3 and 6 2 0.
  np.testing.assert_allclose(
      got, [(-0.25 - 8.0) / 3.0, (12.0 - 8.0) / 3.0], rtol=1e-6
  )
  of_q, of_log_prob, of_temperature = gradients(
      soft_q.actor_loss, Q, LOG_PROB, TEMPERATURE
  )
  # Where both twins are equal, each gets half.
  np.testing.assert_allclose(
      of_q,
      -np.array(
          [
              [[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]],
              [[0.0, 1.0, 0.5], [1.0, 0.0, 1.0]],
          ]
      )
      / N,
  )
  np.testing.assert_allclose(
      of_log_prob, np.array([[0.1] * 3, [2.0] * 3]) / N, rtol=1e-6
  )
  assert of_temperature is None


def test_the_temperature_rises_while_entropy_is_below_its_target():
  def loss(log_temperature, log_prob):
    return soft_q.temperature_loss(
        log_temperature, log_prob, target_entropy=-1.0
    )

  log_temperature = tf.constant([0.5, -1.0])
  # Mean log pi: -2.5 / 3 and 2; entropies 2.5 / 3 (above -1) and -2 (below).
  np.testing.assert_allclose(
      loss(log_temperature, LOG_PROB),
      [-0.5 * (-2.5 / 3.0 - 1.0), 1.0],
      rtol=1e-6,
  )
  of_log_temperature, of_log_prob = gradients(loss, log_temperature, LOG_PROB)
  np.testing.assert_allclose(
      of_log_temperature, [2.5 / 3.0 + 1.0, -1.0], rtol=1e-6
  )
  assert of_log_prob is None


@pytest.mark.parametrize(
    'loss',
    [
        lambda: soft_q.critic_target(
            REWARD[..., tf.newaxis],
            DISCOUNT,
            Q,
            LOG_PROB,
            TEMPERATURE,
            gamma=0.5,
        ),
        lambda: soft_q.critic_target(
            REWARD, DISCOUNT, Q, LOG_PROB, tf.ones([N]), gamma=0.5
        ),
        lambda: soft_q.critic_loss(Q, REWARD[:, :1]),
        lambda: soft_q.actor_loss(Q, LOG_PROB[:, :1], TEMPERATURE),
        lambda: soft_q.actor_loss(Q, LOG_PROB, tf.ones([N])),
        lambda: soft_q.temperature_loss(
            tf.ones([N]), LOG_PROB, target_entropy=-1.0
        ),
    ],
)
def test_refuses_shapes_that_would_broadcast(loss):
  with pytest.raises(ValueError, match='they must be equal'):
    loss()


@pytest.mark.parametrize(
    'call, words',
    [
        (
            lambda: soft_q.critic_loss(Q[0, 0], REWARD),
            'critic_loss: q has shape',
        ),
        (
            lambda: soft_q.critic_target(
                REWARD[0],
                DISCOUNT[0],
                Q[:, 0],
                LOG_PROB[0],
                TEMPERATURE[0],
                gamma=0.9,
            ),
            'critic_target: next_q has shape',
        ),
        (
            lambda: soft_q.actor_loss(Q[:, 0], LOG_PROB[0], TEMPERATURE),
            'actor_loss: q has shape',
        ),
        (
            lambda: soft_q.temperature_loss(
                TEMPERATURE, LOG_PROB[0], target_entropy=-1.0
            ),
            'temperature_loss: log_prob has shape',
        ),
    ],
)
def test_tensors_without_the_task_axis_are_refused(call, words):
  with pytest.raises(ValueError, match=words):
    call()
