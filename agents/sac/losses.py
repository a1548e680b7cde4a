"""The three losses of SAC (Haarnoja et al. 2018b), one number a task, `[K]`.

  critics       sum_c E (Q_c(s, a) - y)^2,
                y = r + gamma d ( min_c Q'_c(s', a') - alpha log pi(a'|s') )
  policy        E alpha log pi(a|s) - min_c Q_c(s, a),   a ~ pi(.|s)
  temperature   -log alpha E ( log pi(a|s) + H )

The arithmetic is in `ops.soft_q`, which PEARL uses too. This module computes
its inputs with the networks.
"""

from typing import Tuple

from distillery.agents.core.replay import transitions
from distillery.agents.sac import networks as sac_networks
from distillery.ops import soft_q
from distillery.ops import squashed_gaussians
import tensorflow as tf


def critic_target(
    networks: sac_networks.SACNetworks,
    batch: transitions.Transitions,
    noise: tf.Tensor,
    temperature: tf.Tensor,
    *,
    gamma: float,
) -> tf.Tensor:
  """Computes y, the target of Q(s, a) (equations 3 and 6).

  Args:
    networks: the networks; the policy and the target critics are used.
    batch: N transitions of each task, `[K, N, ...]`.
    noise: standard normal noise `[K, N, A]`, which draws a' from the policy.
    temperature: the temperature alpha of each task, `[K]`.
    gamma: the discount factor, in [0, 1].

  Returns:
    y, `[K, N]`, without gradient.
  """
  following = networks.policy.sample(batch.next_observation, noise)
  return soft_q.critic_target(
      batch.reward,
      batch.discount,
      networks.target_critics(batch.next_observation, following.action),
      following.log_prob,
      temperature,
      gamma=gamma,
  )


def critic_loss(
    networks: sac_networks.SACNetworks,
    batch: transitions.Transitions,
    target: tf.Tensor,
) -> Tuple[tf.Tensor, tf.Tensor]:
  """Computes the critics' loss (equation 5).

  Args:
    networks: the networks; the critics are used.
    batch: N transitions of each task, `[K, N, ...]`.
    target: the targets y, `[K, N]`.

  Returns:
    The loss of each task, `[K]`, and Q of both critics, `[2, K, N]`.
  """
  q = networks.critics(batch.observation, batch.action)
  return soft_q.critic_loss(q, target), q


def actor_loss(
    networks: sac_networks.SACNetworks,
    batch: transitions.Transitions,
    noise: tf.Tensor,
    temperature: tf.Tensor,
) -> Tuple[tf.Tensor, squashed_gaussians.SquashedSample]:
  """Computes the policy's loss (equation 9).

  Args:
    networks: the networks; the policy and the critics are used.
    batch: N transitions of each task, `[K, N, ...]`.
    noise: standard normal noise `[K, N, A]`, which draws a from the policy.
    temperature: the temperature alpha of each task, `[K]`.

  Returns:
    The loss of each task, `[K]`, and the actions with their log-probabilities.
  """
  sample = networks.policy.sample(batch.observation, noise)
  q = networks.critics(batch.observation, sample.action)
  return soft_q.actor_loss(q, sample.log_prob, temperature), sample


def temperature_loss(
    networks: sac_networks.SACNetworks,
    log_prob: tf.Tensor,
    *,
    target_entropy: float,
) -> tf.Tensor:
  """Computes the temperatures' loss (equation 18, for log alpha).

  Args:
    networks: the networks; the temperatures are used.
    log_prob: log pi(a|s) of the policy's actions, `[K, N]`.
    target_entropy: the target H of the policy's entropy, in nats.

  Returns:
    The loss of each task, `[K]`.
  """
  return soft_q.temperature_loss(
      networks.temperatures.log, log_prob, target_entropy=target_entropy
  )
