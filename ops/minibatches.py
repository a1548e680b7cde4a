"""Passes over a batch in random order."""

import tensorflow as tf


def orders(
    seed: tf.Tensor,
    num_tasks: int,
    num_samples: int,
    *,
    num_epochs: int,
    num_minibatches: int,
) -> tf.Tensor:
  """Which samples each gradient step takes, a shuffle a pass and task.

  Args:
    seed: int `[2]`; the same seed gives the same orders.
    num_tasks: K.
    num_samples: N, a multiple of num_minibatches.
    num_epochs: passes; each takes every sample once.
    num_minibatches: gradient steps of a pass.

  Returns:
    int32 `[num_epochs * num_minibatches, K, N / num_minibatches]`, indices for
    `tf.gather(x, orders[i], batch_dims=1)` of `[K, N, ...]`.

  Raises:
    ValueError: if num_samples is no such multiple.
  """
  if num_samples % num_minibatches:
    raise ValueError(
        f'num_samples must be a multiple of num_minibatches, got '
        f'{num_samples} and {num_minibatches}.'
    )
  order = tf.argsort(
      tf.random.stateless_uniform([num_epochs, num_tasks, num_samples], seed),
      axis=-1,
  )
  order = tf.reshape(order, [num_epochs, num_tasks, num_minibatches, -1])
  return tf.reshape(
      tf.transpose(order, [0, 2, 1, 3]),
      [num_epochs * num_minibatches, num_tasks, num_samples // num_minibatches],
  )
