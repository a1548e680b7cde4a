"""Distral in tables: soft Q-learning that alternates with distillation.

Teh et al. 2017, section 2.1 and 4.1. Arrays are `[..., S, A]` float64, the
leading axes those of tasks (and of repetitions); NumPy alone.
"""

from typing import Any

from distillery.environments import two_rooms
import numpy as np

Tables = two_rooms.Tables


def soft_value(
    q: np.ndarray, log_prior: np.ndarray, *, alpha: float, beta: float
) -> np.ndarray:
  """V(s) = 1/beta log sum_a pi_0(a|s)^alpha exp(beta Q(s, a)) (equation 2).

  Args:
    q: Q, `[..., S, A]`.
    log_prior: log pi_0, broadcast against it.
    alpha: c_KL / (c_KL + c_Ent).
    beta: 1 / (c_KL + c_Ent).

  Returns:
    `[..., S]`.

  Raises:
    ValueError: if log_prior has axes that q has not.
  """
  exponent = alpha * log_prior + beta * q
  _check_shape(
      'log_prior',
      log_prior,
      exponent.shape == np.shape(q),
      f'what broadcasts to that of q, {np.shape(q)}',
  )
  most = exponent.max(axis=-1, keepdims=True)
  return (most[..., 0] + np.log(np.exp(exponent - most).sum(axis=-1))) / beta


def soft_policy(
    q: np.ndarray, log_prior: np.ndarray, *, alpha: float, beta: float
) -> np.ndarray:
  """pi(a|s) = pi_0^alpha exp(beta (Q - V)) (equation 3), `[..., S, A]`."""
  value = soft_value(q, log_prior, alpha=alpha, beta=beta)
  return np.exp(alpha * log_prior + beta * (q - value[..., np.newaxis]))


def backup(tables: Tables, value: np.ndarray, gamma: float) -> np.ndarray:
  """Q(s, a) = R + gamma V(s') (equation 4).

  Args:
    tables: of the tasks.
    value: V, `[..., S]`.
    gamma: the discount factor.

  Raises:
    ValueError: if values are not those of the tables' states.
  """
  wanted = tables.reward.shape[:-1]
  _check_shape('value', value, value.shape == wanted, wanted)
  return tables.reward + gamma * tables.discount * (
      value[..., tables.next_state]
  )


def soft_q_iteration(
    tables: Tables,
    log_prior: np.ndarray,
    *,
    alpha: float,
    beta: float,
    gamma: float,
    tolerance: float = 1e-10,
) -> np.ndarray:
  """Q of the optimal regularised policies, by iterating equations 2 and 4."""
  q = np.zeros_like(tables.reward)
  while True:
    new = backup(
        tables, soft_value(q, log_prior, alpha=alpha, beta=beta), gamma
    )
    if np.abs(new - q).max() < tolerance:
      return new
    q = new


def occupancy(
    tables: Tables, policy: np.ndarray, gamma: float, num_steps: int
) -> np.ndarray:
  """sum_t gamma^t P(s_t = s), t < num_steps, not normalised; `[..., S]`.

  Args:
    tables: of the tasks.
    policy: `[..., S, A]`.
    gamma: the discount factor.
    num_steps: after which an episode is cut off.

  Raises:
    ValueError: if the policy is not one of the tables' tasks.
  """
  _check_policy(tables, policy)
  flow, total = tables.start, np.zeros_like(tables.start)
  shape = tables.discount.shape
  flat_next = np.broadcast_to(tables.next_state, shape).reshape(
      -1, shape[-2] * shape[-1]
  )
  for _ in range(num_steps):
    total = total + flow
    moved = gamma * (flow[..., np.newaxis] * policy * tables.discount).reshape(
        flat_next.shape
    )
    flow = np.stack(
        [
            np.bincount(where, weights, minlength=shape[-2])
            for where, weights in zip(flat_next, moved)
        ]
    ).reshape(tables.start.shape)
  return total


def distilled(weights: np.ndarray, policy: np.ndarray) -> np.ndarray:
  """log pi_0 that maximises sum_k E_{pi_k} sum_t gamma^t log pi_0.

    pi_0(a|s) = sum_k d_k(s) pi_k(a|s) / sum_k d_k(s)

  Args:
    weights: d_k, `[K, S]`.
    policy: pi_k, `[K, S, A]`.

  Returns:
    `[S, A]`; uniform where no task ever is.

  Raises:
    ValueError: if the shapes disagree.
  """
  _check_shape(
      'policy',
      policy,
      weights.ndim == 2 and policy.shape[:-1] == weights.shape,
      f'[K, S, A] for weights [K, S] of shape {weights.shape}',
  )
  total = weights.sum(axis=0)[:, np.newaxis]
  mixed = (weights[..., np.newaxis] * policy).sum(axis=0)
  num_actions = policy.shape[-1]
  return np.log(
      np.where(
          total > 0.0,
          mixed / np.where(total > 0.0, total, 1.0),
          1.0 / num_actions,
      )
  )


def expected_return(
    tables: Tables,
    policy: np.ndarray,
    gamma: float,
    num_steps: int,
    costs: np.ndarray = 0.0,
) -> np.ndarray:
  """E_pi sum_t gamma^t (R - cost), t < num_steps, from the start; `[...]`.

  Args:
    tables: of the tasks.
    policy: `[..., S, A]`.
    gamma: 1: not discounted.
    num_steps: after which an episode is cut off.
    costs: of a step, `[..., S, A]` or 0: with c_KL log(pi / pi_0) + c_Ent log
      pi this is Distral's objective (equation 1).

  Raises:
    ValueError: if policy or costs are not those of the tables' tasks.
  """
  _check_policy(tables, policy)
  _check_shape(
      'costs', costs, np.shape(costs) in ((), policy.shape), policy.shape
  )
  value = np.zeros_like(tables.start)
  for _ in range(num_steps):
    q = backup(tables, value, gamma) - costs
    value = (policy * q).sum(axis=-1)
  return (tables.start * value).sum(axis=-1)


def _check_policy(tables: Tables, policy: np.ndarray) -> None:
  _check_shape(
      'policy', policy, policy.shape == tables.reward.shape, tables.reward.shape
  )


def _check_shape(
    name: str, array: np.ndarray, is_good: bool, wanted: Any
) -> None:
  if not is_good:
    raise ValueError(f'{name}: got shape {np.shape(array)}, want {wanted}.')
