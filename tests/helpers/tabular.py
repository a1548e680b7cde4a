"""Random small MDPs: equation (1), and the losses' gradient of it.

J is computed by solving for the values of each task, in float64 NumPy, and
differentiated by central differences. The losses are summed over all states
and actions, weighted by their discounted occupancy, and differentiated by
TensorFlow. Nothing but the parameters is common to the two.
"""

from typing import NamedTuple

from distillery.agents.distral import losses
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

K, S, A, GAMMA, BETA = 2, 4, 3, 0.9, 2.0


class Mdp(NamedTuple):
  """Tabular tasks; what `transition` lacks to 1 is the chance of the end."""

  reward: np.ndarray  # [K, S, A]
  transition: np.ndarray  # [K, S, A, S]
  start: np.ndarray  # [K, S]


class Setting(NamedTuple):
  """An instance of the objective."""

  mdp: Mdp
  architecture: str
  logits_alpha: float
  kl_cost: float
  entropy_cost: float


def make_mdp(seed=0, num_tasks=K):
  rng = np.random.default_rng(seed)
  survival = rng.uniform(0.7, 1.0, size=(num_tasks, S, A, 1))
  return Mdp(
      reward=rng.normal(size=(num_tasks, S, A)),
      transition=survival * rng.dirichlet(np.ones(S), (num_tasks, S, A)),
      start=rng.dirichlet(np.ones(S), num_tasks),
  )


def make_setting(architecture, alpha, logits_alpha=None, mdp=None):
  return Setting(
      mdp=mdp or make_mdp(),
      architecture=architecture,
      logits_alpha=alpha if logits_alpha is None else logits_alpha,
      kl_cost=alpha / BETA,
      entropy_cost=(1.0 - alpha) / BETA,
  )


def make_parameters(seed=0, num_tasks=K):
  """Logits h of pi_0, `[S, A]`, and g_k of the columns, `[K, S, A]`."""
  rng = np.random.default_rng(seed)
  return rng.normal(size=(S, A)), rng.normal(size=(num_tasks, S, A))


def softmax(x):
  x = np.exp(x - x.max(axis=-1, keepdims=True))
  return x / x.sum(axis=-1, keepdims=True)


def policies(setting, h, g):
  """pi_k and pi_0 as arrays, `[K, S, A]`."""
  if setting.architecture == 'two_column':
    g = setting.logits_alpha * h + g
  return softmax(g), np.broadcast_to(softmax(h), g.shape)


def values(setting, pi, reward):
  """V_k of a policy and any rewards `[K, S, A]`, by linear solution."""
  transition = np.einsum('ksa,ksaz->ksz', pi, setting.mdp.transition)
  return np.linalg.solve(
      np.eye(S) - GAMMA * transition, (pi * reward).sum(-1)[..., np.newaxis]
  )[..., 0]


def objective(setting, h, g):
  """J of equation (1)."""
  pi, pi_0 = policies(setting, h, g)
  reward = (
      setting.mdp.reward
      - setting.kl_cost * np.log(pi / pi_0)
      - setting.entropy_cost * np.log(pi)
  )
  return (setting.mdp.start * values(setting, pi, reward)).sum()


def numerical_gradient(setting, h, g, step=1e-5):
  flat = np.concatenate([h.ravel(), g.ravel()])

  def at(i, change):
    moved = flat.copy()
    moved[i] += change
    return objective(
        setting, moved[: S * A].reshape(S, A), moved[S * A :].reshape(g.shape)
    )

  return np.array(
      [(at(i, step) - at(i, -step)) / (2.0 * step) for i in range(flat.size)]
  )


def occupancy(setting, pi, num_steps=None, survival=1.0):
  """Discounted, `[K, S]`; of the first steps only if their number is given."""
  transition = survival * np.einsum('ksa,ksaz->ksz', pi, setting.mdp.transition)
  if num_steps is None:
    return np.linalg.solve(
        np.eye(S) - GAMMA * transition.transpose(0, 2, 1),
        setting.mdp.start[..., np.newaxis],
    )[..., 0]
  total, state = 0.0, setting.mdp.start
  for t in range(num_steps):
    total = total + GAMMA**t * state
    state = np.einsum('ks,ksz->kz', state, transition)
  return total


def distributions(setting, h, g, state):
  """pi_k and pi_0 of TensorFlow at states `[K, N]`."""
  if setting.architecture == 'two_column':
    g = setting.logits_alpha * h + g
  h = tf.broadcast_to(h, g.shape)
  return [
      tfd.Categorical(logits=tf.gather(x, state, batch_dims=1)) for x in (g, h)
  ]


def regularized_values(setting, h, g, regularizer, added_by=None):
  """Rewards with what the losses add to them, `[K, S, A]`, and their V."""
  state, action = np.indices((S, A)).reshape(2, 1, -1).repeat(len(g), axis=1)
  addition = losses.reward_regularizer(
      *distributions(setting, tf.constant(h), tf.constant(g), state),
      tf.constant(action),
      regularizer=added_by or regularizer,
      kl_cost=setting.kl_cost,
      entropy_cost=setting.entropy_cost,
  )
  reward = setting.mdp.reward + addition.numpy().reshape(-1, S, A)
  return reward, values(setting, policies(setting, h, g)[0], reward)


def gradient_of_losses(setting, h, g, regularizer, added_by=None, **where):
  """Returns the negated gradient of the expected loss, `[S A + K S A]`."""
  state, action = np.indices((S, A)).reshape(2, 1, -1).repeat(len(g), axis=1)
  pi, _ = policies(setting, h, g)
  weight = occupancy(setting, pi, **where)[..., np.newaxis] * pi
  reward, v = regularized_values(setting, h, g, regularizer, added_by)
  q = reward + GAMMA * np.einsum('ksaz,kz->ksa', setting.mdp.transition, v)
  advantage = (q - v[..., np.newaxis]).reshape(len(g), S * A)
  variables = [tf.constant(h), tf.constant(g)]
  with tf.GradientTape() as tape:
    tape.watch(variables)
    task, shared = distributions(setting, *variables, state)
    terms = losses.policy_loss(
        task,
        shared,
        tf.constant(action),
        tf.stop_gradient(task.log_prob(action)),
        tf.constant(advantage),
        regularizer=regularizer,
        clip_ratio=0.2,
        kl_cost=setting.kl_cost,
        entropy_cost=setting.entropy_cost,
    )
    loss = tf.reduce_sum(
        weight.reshape(len(g), -1) * (terms.policy_gradient + terms.direct)
    )
  return -flatten(
      tape.gradient(
          loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
      )
  )


def flatten(tensors):
  return np.concatenate([np.ravel(tensor) for tensor in tensors])
