"""Computes tabular Distral: soft Q-learning in turn with distillation.

Teh et al. 2017, sections 2.1 and 4.1. Arrays are float64 `[..., S, A]`; the
leading axes are those of the tasks, and of repetitions. It needs only NumPy.
"""

from typing import Any, Union

from distillery.environments import two_rooms
import numpy as np

Tables = two_rooms.Tables


def soft_value(
    q: np.ndarray, log_prior: np.ndarray, *, alpha: float, beta: float
) -> np.ndarray:
  """Computes the soft values (equation 2).

    V(s) = 1/beta log sum_a pi_0(a|s)^alpha exp(beta Q(s, a))

  Args:
    q: the action values Q, `[..., S, A]`.
    log_prior: log pi_0, of a shape that broadcasts to that of q.
    alpha: c_KL / (c_KL + c_Ent), in [0, 1].
    beta: 1 / (c_KL + c_Ent), the inverse temperature, greater than 0.

  Returns:
    V, `[..., S]`.

  Raises:
    ValueError: if log_prior does not broadcast to the shape of q.
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
  """Computes pi(a|s) = pi_0^alpha exp(beta (Q - V)) (equation 3).

  Args:
    q: the action values Q, `[..., S, A]`.
    log_prior: log pi_0, of a shape that broadcasts to that of q.
    alpha: c_KL / (c_KL + c_Ent), in [0, 1].
    beta: 1 / (c_KL + c_Ent), the inverse temperature, greater than 0.

  Returns:
    pi, `[..., S, A]`.

  Raises:
    ValueError: if log_prior does not broadcast to the shape of q.
  """
  value = soft_value(q, log_prior, alpha=alpha, beta=beta)
  return np.exp(alpha * log_prior + beta * (q - value[..., np.newaxis]))


def backup(tables: Tables, value: np.ndarray, gamma: float) -> np.ndarray:
  """Computes Q(s, a) = R + gamma V(s') (equation 4).

  Args:
    tables: the tasks.
    value: the state values V, `[..., S]`.
    gamma: the discount factor, in [0, 1].

  Returns:
    Q, `[..., S, A]`.

  Raises:
    ValueError: if value does not have the shape of the tables' states.
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
  """Computes Q of the optimal regularised policies.

  Iterates equations 2 and 4 until Q changes by less than the tolerance.

  Args:
    tables: the tasks.
    log_prior: log pi_0, of a shape that broadcasts to `[..., S, A]`.
    alpha: c_KL / (c_KL + c_Ent), in [0, 1].
    beta: 1 / (c_KL + c_Ent), the inverse temperature, greater than 0.
    gamma: the discount factor, in [0, 1); with 1 it may never end.
    tolerance: the largest change of an entry of Q that ends the iteration.

  Returns:
    Q, `[..., S, A]`.

  Raises:
    ValueError: if log_prior does not broadcast to the shape of the rewards.
  """
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
  """Computes the discounted occupancies of the states.

    d(s) = sum_t gamma^t P(s_t = s),   t < num_steps

  Args:
    tables: the tasks.
    policy: the probabilities of the actions, `[..., S, A]`.
    gamma: the discount factor, in [0, 1].
    num_steps: the steps after which an episode is truncated.

  Returns:
    d, `[..., S]`, not normalised.

  Raises:
    ValueError: if the policy does not have the shape of the rewards.
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
  """Computes the pi_0 that maximises sum_k E_{pi_k} sum_t gamma^t log pi_0.

    pi_0(a|s) = sum_k d_k(s) pi_k(a|s) / sum_k d_k(s)

  Args:
    weights: the occupancies d_k, `[K, S]`.
    policy: the policies pi_k, `[K, S, A]`.

  Returns:
    log pi_0, `[S, A]`; it is uniform in states that no task visits.

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
    costs: Union[float, np.ndarray] = 0.0,
) -> np.ndarray:
  """Computes E_pi sum_t gamma^t (R - cost), t < num_steps.

  Episodes start in the tables' distribution of first states.

  Args:
    tables: the tasks.
    policy: the probabilities of the actions, `[..., S, A]`.
    gamma: the discount factor, in [0, 1].
    num_steps: the steps after which an episode is truncated.
    costs: the cost of each step, `[..., S, A]` or 0. With
      c_KL log(pi / pi_0) + c_Ent log pi the result is Distral's objective
      (equation 1).

  Returns:
    The expected return of each task, `[...]`.

  Raises:
    ValueError: if policy or costs do not have the shape of the rewards.
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
    name: str, array: Union[float, np.ndarray], is_good: bool, wanted: Any
) -> None:
  if not is_good:
    raise ValueError(f'{name}: got shape {np.shape(array)}, want {wanted}.')
