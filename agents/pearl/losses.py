"""The losses of PEARL (Rakelly et al. 2019, algorithm 1), one number a task.

They are the losses of SAC with the latent z of a task next to its observations,
and with an information bottleneck:

  critics       sum_c E (Q_c(s, a, z) - y)^2,
                y = r + gamma d (min_c Q'_c(s', a', z) - alpha log pi(a'|s', z))
  encoder       the critics' loss, and KL( q(z|c) || N(0, 1) )
  policy        E alpha log pi(a|s, z) - min_c Q_c(s, a, z),   a ~ pi(.|s, z)
  temperature   -log alpha E ( log pi(a|s, z) + H )
"""

from typing import Tuple

from distillery.agents.core.replay import transitions
from distillery.agents.pearl import networks as pearl_networks
from distillery.ops import gaussians
from distillery.ops import soft_q
from distillery.ops import squashed_gaussians
import tensorflow as tf


def critic_target(
    networks: pearl_networks.PearlNetworks,
    batch: transitions.Transitions,
    latent: tf.Tensor,
    noise: tf.Tensor,
    temperature: tf.Tensor,
    *,
    gamma: float,
) -> tf.Tensor:
  """Computes y, the target of Q(s, a, z).

  Args:
    networks: the networks; the policy and the target critics are used.
    batch: N transitions of each task, `[M, N, ...]`.
    latent: the latents z, `[M, L]`.
    noise: standard normal noise `[M, N, A]`, which draws a' from the policy.
    temperature: the temperature alpha of each task, `[M]`.
    gamma: the discount factor, in [0, 1].

  Returns:
    y, `[M, N]`, without gradient.
  """
  state = pearl_networks.with_latent(batch.next_observation, latent)
  following = networks.policy.sample(state, noise)
  return soft_q.critic_target(
      batch.reward,
      batch.discount,
      networks.target_critics(state, following.action),
      following.log_prob,
      temperature,
      gamma=gamma,
  )


def critic_loss(
    networks: pearl_networks.PearlNetworks,
    batch: transitions.Transitions,
    latent: tf.Tensor,
    target: tf.Tensor,
) -> Tuple[tf.Tensor, tf.Tensor]:
  """Computes the critics' loss, which trains the encoder too.

  Args:
    networks: the networks; the critics are used.
    batch: N transitions of each task, `[M, N, ...]`.
    latent: the latents z, `[M, L]`.
    target: the targets y, `[M, N]`.

  Returns:
    The loss of each task, `[M]`, and Q of both critics, `[2, M, N]`.
  """
  state = pearl_networks.with_latent(batch.observation, latent)
  q = networks.critics(state, batch.action)
  return soft_q.critic_loss(q, target), q


def latent_loss(posterior: gaussians.DiagGaussian) -> tf.Tensor:
  """Computes KL( q(z|c) || N(0, 1) ) of posteriors `[M, L]`, in nats, `[M]`."""
  return gaussians.kl_from_standard(posterior)


def actor_loss(
    networks: pearl_networks.PearlNetworks,
    batch: transitions.Transitions,
    latent: tf.Tensor,
    noise: tf.Tensor,
    temperature: tf.Tensor,
) -> Tuple[tf.Tensor, squashed_gaussians.SquashedSample]:
  """Computes the policy's loss.

  Args:
    networks: the networks; the policy and the critics are used.
    batch: N transitions of each task, `[M, N, ...]`.
    latent: the latents z, `[M, L]`, without a gradient.
    noise: standard normal noise `[M, N, A]`, which draws a from the policy.
    temperature: the temperature alpha of each task, `[M]`.

  Returns:
    The loss of each task, `[M]`, and the actions with their log-probabilities.
  """
  state = pearl_networks.with_latent(batch.observation, latent)
  sample = networks.policy.sample(state, noise)
  q = networks.critics(state, sample.action)
  return soft_q.actor_loss(q, sample.log_prob, temperature), sample


def temperature_loss(
    networks: pearl_networks.PearlNetworks,
    log_prob: tf.Tensor,
    *,
    target_entropy: float,
) -> tf.Tensor:
  """Computes the loss of the temperature, which all tasks share.

  Args:
    networks: the networks; the temperature is used.
    log_prob: log pi(a|s, z) of the policy's actions, `[M, N]`.
    target_entropy: the target H of the policy's entropy, in nats.

  Returns:
    The loss from each task's actions, `[M]`.
  """
  return soft_q.temperature_loss(
      tf.repeat(networks.temperatures.log, len(log_prob)),
      log_prob,
      target_entropy=target_entropy,
  )
