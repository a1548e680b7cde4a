"""Catches the gradients that a learner's optimisers are given."""

import functools

import numpy as np
import pytest
import tensorflow as tf


def catch(learner, optimizers, batch):
  """Takes one step, in which nothing that they train moves.

  Args:
    learner: whose `_step` is taken.
    optimizers: of it, by a name of theirs.
    batch: as of the learner's iterator.

  Returns:
    By that name, pairs of gradient and variable.
  """
  caught = {}

  def keep(name, pairs):
    assert name not in caught, 'applied twice'
    caught[name] = [
        (gradient.numpy(), variable) for gradient, variable in pairs
    ]

  with pytest.MonkeyPatch.context() as patch:
    for name, optimizer in optimizers.items():
      patch.setattr(optimizer, 'apply_gradients', functools.partial(keep, name))
    learner._step.python_function(batch, tf.constant(0))
  return caught


def trunk_and_heads(learner, batch, num_tasks):
  """Gradients of what tasks share, and of each task's own, a list of each."""
  caught = catch(
      learner,
      {'shared': learner._shared_optimizer, 'own': learner._own_optimizer},
      batch,
  )
  return [
      [gradient for gradient, _ in caught['shared']],
      *(
          [gradient[k] for gradient, _ in caught['own']]
          for k in range(num_tasks)
      ),
  ]


def assert_clipped(free, clipped, max_norm):
  """Lists of gradients: the second are the first, scaled to that norm."""
  norm = np.sqrt(sum(np.square(gradient).sum() for gradient in free))
  assert norm > 10.0 * max_norm
  assert len(free) == len(clipped)
  for gradient, got in zip(free, clipped):
    np.testing.assert_allclose(
        got, max_norm / norm * gradient, rtol=1e-3, atol=1e-8
    )
