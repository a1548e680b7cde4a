"""The estimate from samples has equation (1)'s gradient as its mean."""

from typing import NamedTuple

from distillery.agents.distral import losses
from distillery.ops import advantages
from helpers import tabular
import numpy as np
import pytest
import tensorflow as tf

K, S, GAMMA = tabular.K, tabular.S, tabular.GAMMA


class Rollouts(NamedTuple):
  """Steps `[T, K, B]`, most with some episode's end in them."""

  state: np.ndarray
  action: np.ndarray
  next_state: np.ndarray
  discount: np.ndarray
  episode_end: np.ndarray
  weight: np.ndarray  # gamma^t within the first episode, 0 after it


def draw(rng, probabilities):
  """Indices of the last axis."""
  uniform = rng.uniform(size=probabilities.shape[:-1])[..., np.newaxis]
  return (uniform > np.cumsum(probabilities, axis=-1)).sum(-1)


def roll_out(mdp, pi, num_steps, num_rollouts, truncation):
  rng = np.random.default_rng(0)
  task = np.arange(K)[:, np.newaxis]
  starts = np.broadcast_to(mdp.start[:, np.newaxis], (K, num_rollouts, S))
  state = draw(rng, starts)
  weight = np.ones((K, num_rollouts))
  steps = []
  for _ in range(num_steps):
    action = draw(rng, pi[task, state])
    arrival = draw(rng, mdp.transition[task, state, action])
    terminates = arrival == S
    # Where an episode terminates the next state is any: it must not count.
    next_state = np.where(terminates, 0, arrival)
    end = terminates | (rng.uniform(size=weight.shape) < truncation)
    steps.append((state, action, next_state, 1.0 - terminates, end, weight))
    weight = GAMMA * weight * ~end
    state = np.where(end, draw(rng, starts), next_state)
  return Rollouts(*map(np.stack, zip(*steps)))


def gradients_of_samples(setting, h, g, rollouts, regularizer):
  """Estimates from experience: without the direct term, and with it."""
  num_steps, _, num_rollouts = rollouts.state.shape
  task_index = np.arange(K)[:, np.newaxis]

  def task_major(x):  # [T, K, B] to [K, T * B]
    return tf.constant(x.transpose(1, 0, 2).reshape(K, -1))

  variables = [tf.constant(h), tf.constant(g)]
  state, action = task_major(rollouts.state), task_major(rollouts.action)
  costs = dict(
      regularizer=regularizer,
      kl_cost=setting.kl_cost,
      entropy_cost=setting.entropy_cost,
  )
  _, v = tabular.regularized_values(setting, h, g, regularizer)
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(variables)
    task, shared = tabular.distributions(setting, *variables, state)
    addition = losses.reward_regularizer(task, shared, action, **costs)
    reward = setting.mdp.reward[task_index, rollouts.state, rollouts.action]
    result = advantages.generalized_advantages(
        tf.reshape(addition, [K, num_steps, num_rollouts])
        + reward.swapaxes(0, 1),
        *(
            tf.constant(x.swapaxes(0, 1))
            for x in (
                rollouts.discount,
                rollouts.episode_end,
                v[task_index, rollouts.state],
                v[task_index, rollouts.next_state],
            )
        ),
        gamma=GAMMA,
        lambda_=1.0,
    )
    terms = losses.policy_loss(
        task,
        shared,
        action,
        tf.stop_gradient(task.log_prob(action)),
        tf.reshape(result.advantage, action.shape),
        clip_ratio=0.2,
        **costs,
    )
    weight = task_major(rollouts.weight) / num_rollouts
    parts = [
        tf.reduce_sum(weight * term)
        for term in (terms.policy_gradient, terms.direct)
    ]
  score, direct = (
      -tabular.flatten(
          tape.gradient(
              part,
              variables,
              unconnected_gradients=tf.UnconnectedGradients.ZERO,
          )
      )
      for part in parts
  )
  return score, score + direct


@pytest.mark.parametrize('regularizer', ['sampled', 'exact'])
@pytest.mark.parametrize('architecture', ['separate', 'two_column'])
def test_sampled_estimate_is_unbiased(architecture, regularizer):
  """Within 3 standard errors; what lacks the direct term is far outside."""
  num_steps, truncation, num_parts = 4, 0.1, 20
  setting = tabular.make_setting(architecture, 0.5)
  parameters = tabular.make_parameters()
  mdp = setting.mdp
  end = 1.0 - mdp.transition.sum(axis=-1, keepdims=True)
  rollouts = roll_out(
      mdp._replace(transition=np.concatenate([mdp.transition, end], axis=-1)),
      tabular.policies(setting, *parameters)[0],
      num_steps,
      50_000,
      truncation,
  )
  parts = zip(*(np.split(x, num_parts, axis=2) for x in rollouts))
  estimates = np.array(
      [
          gradients_of_samples(
              setting, *parameters, Rollouts(*part), regularizer
          )
          for part in parts
      ]
  )
  expected = tabular.gradient_of_losses(
      setting,
      *parameters,
      regularizer,
      num_steps=num_steps,
      survival=1.0 - truncation,
  )
  standard_error = estimates.std(axis=0, ddof=1) / np.sqrt(num_parts)
  error = np.abs(estimates.mean(axis=0) - expected)
  assert (error[1] < 3.0 * standard_error[1]).all()
  assert (error[0] > 10.0 * standard_error[0]).any()
