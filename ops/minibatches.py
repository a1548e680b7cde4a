"""Draws the random order of passes over a batch."""

import tensorflow as tf


def orders(
    seed: tf.Tensor,
    num_tasks: int,
    num_samples: int,
    *,
    num_epochs: int,
    num_minibatches: int,
) -> tf.Tensor:
  """Draws the samples that each gradient step uses.

  Every pass shuffles the samples of every task again.

  Args:
    seed: the random seed, `[2]` of integers; the same seed gives the same
      orders.
    num_tasks: K, the number of tasks.
    num_samples: N, the number of samples of each task, a multiple of
      num_minibatches.
    num_epochs: the number of passes; each uses every sample once.
    num_minibatches: the number of gradient steps in a pass.

  Returns:
    The indices for `tf.gather(x, orders[i], batch_dims=1)`, where x is
    `[K, N, ...]`; int32 `[num_epochs * num_minibatches, K,
    N / num_minibatches]`.

  Raises:
    ValueError: if num_samples is not a multiple of num_minibatches.
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
