"""SAC's three losses (Haarnoja et al. 2018b), each of K tasks.

  critics       sum_c E (Q_c(s, a) - y)^2,
                y = r + gamma d ( min_c Q'_c(s', a') - alpha log pi(a'|s') )
  policy        E alpha log pi(a|s) - min_c Q_c(s, a),   a ~ pi(.|s)
  temperature   -log alpha E ( log pi(a|s) + H )

The arithmetic is `ops.soft_q`, which PEARL shares; here is what goes into it.
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
    networks: the policy and the target critics.
    batch: N transitions of each task, `[K, N, ...]`.
    noise: standard normal, `[K, N, A]`; draws a' from the policy.
    temperature: alpha, `[K]`.
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
    networks: the critics.
    batch: N transitions of each task, `[K, N, ...]`.
    target: y, `[K, N]`.

  Returns:
    The loss, `[K]`, and Q, `[2, K, N]`.
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
    networks: the policy and the critics.
    batch: N transitions of each task, `[K, N, ...]`.
    noise: standard normal, `[K, N, A]`; draws a from the policy.
    temperature: alpha, `[K]`.

  Returns:
    The loss, `[K]`, and the actions with their log-probabilities.
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
  """Computes the temperatures' loss, `[K]` (equation 18, of log alpha).

  Args:
    networks: the temperatures.
    log_prob: log pi(a|s) of the policy's actions, `[K, N]`.
    target_entropy: H, in nats.
  """
  return soft_q.temperature_loss(
      networks.temperatures.log, log_prob, target_entropy=target_entropy
  )
