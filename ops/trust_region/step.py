"""Makes trust-region steps of K regions at once (see `regions`)."""

import functools
from typing import Callable, NamedTuple, Optional, Sequence, Tuple

from distillery.ops.trust_region import conjugate_gradient
from distillery.ops.trust_region import families
from distillery.ops.trust_region import regions
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

# The places where a NaN or infinity may first appear, in the order of the
# computation. `TrustRegionResult.failure` is an index into this tuple.
FAILURES = ('', 'loss', 'gradient', 'Fisher product', 'step')

_ZERO = tf.UnconnectedGradients.ZERO
_tape = functools.partial(
    tf.GradientTape, persistent=True, watch_accessed_variables=False
)


class TrustRegionResult(NamedTuple):
  """The outcome of a step for each region; every field is `[K]`.

  Attributes:
    kl: the mean KL(old || kept) of a region's samples in nats, float64; 0 if
      the region did not move.
    improvement: the loss before minus the loss after, float64; 0 if the region
      did not move.
    step_norm: the Euclidean norm of the variables' change, float64; 0 if the
      region did not move.
    accepted: true if the region moved, bool.
    num_backtracks: the number of times that the step was shortened, int32. It
      is `max_backtracks` if no length was accepted, and 0 if there was no step
      to try.
    failure: an index into `FAILURES`, int32; 0 if everything was finite. A
      region with a failure did not move. See `failure_message`.
  """

  kl: tf.Tensor
  improvement: tf.Tensor
  step_norm: tf.Tensor
  accepted: tf.Tensor
  num_backtracks: tf.Tensor
  failure: tf.Tensor


def failure_message(failure: np.ndarray) -> str:
  """Describes `[K]` failures in words, as 'gradient of region 3'.

  The result is '' if there is no failure.
  """
  return ', '.join(
      f'{FAILURES[int(code)]} of region {k}'
      for k, code in enumerate(np.asarray(failure))
      if code
  )


def fisher_vector_product(
    policy: Callable[[], tfd.Distribution],
    variables: Sequence[tf.Variable],
    *,
    damping: float,
    num_regions: int,
) -> Callable[[tf.Tensor], tf.Tensor]:
  """Makes the function from v_k to (F_k + damping) v_k.

    F = mean_n J_n^T M_n J_n

  Here J is the derivative of the distribution's parameters with respect to the
  variables, at their present values, and M is the Fisher information of the
  parameters: 1 / s^2 for a mean, 2 / s^2 for a standard deviation s, diag(p) -
  p p^T for logits (Martens 2020, section 9). F is the Hessian of the mean
  KL(old || new) at new = old, but needs first derivatives alone. The policy is
  evaluated once, here, and not in every product.

  Args:
    policy: a function that returns the distribution at the present variables:
      Independent(Normal) or Categorical, of batch shape `[K, N]` (any shape if
      K = 1).
    variables: the variables of the derivative, each `[K, ...]` (any shape if
      K = 1).
    damping: the number that is added to the diagonal, >= 0.
    num_regions: K, the number of trust regions.

  Returns:
    A function from `[K, P]` to `[K, P]`, where P is as in `regions.flatten`.

  Raises:
    ValueError: if the distribution is of another family, or a leading axis is
      not K.
  """
  variables = list(variables)
  with _tape() as tape:
    tape.watch(variables)
    parameters = families.parameters(policy())
  return _fisher_product(tape, parameters, variables, damping, num_regions)


def _fisher_product(
    tape: tf.GradientTape,
    parameters: families.Parameters,
    variables: Sequence[tf.Variable],
    damping: float,
    num_regions: int,
) -> Callable[[tf.Tensor], tf.Tensor]:
  """Makes the function that `fisher_vector_product` describes.

  `tape` recorded how the parameters were computed from the variables.
  """
  # J^T w is linear in w, so its derivative by w is J for any w. Hence two
  # backward passes give a product J v, and only the second depends on v.
  weights = [tf.zeros_like(parameter) for parameter in parameters]
  with _tape() as dual:
    dual.watch(weights)
    pullback = tape.gradient(
        list(parameters),
        variables,
        output_gradients=weights,
        unconnected_gradients=_ZERO,
    )
  regions.flatten(parameters, num_regions)  # Checks the axis of K.
  action_size = parameters[0].shape[-1]
  num_samples = tf.size(parameters[0]) // (action_size * num_regions)

  def product(v: tf.Tensor) -> tf.Tensor:
    tangent = dual.gradient(
        pullback,
        weights,
        output_gradients=regions.unflatten(v, variables),
        unconnected_gradients=_ZERO,
    )
    cotangent = [
        u / tf.cast(num_samples, u.dtype) for u in parameters.metric(tangent)
    ]
    result = tape.gradient(
        list(parameters),
        variables,
        output_gradients=cotangent,
        unconnected_gradients=_ZERO,
    )
    return regions.flatten(result, num_regions) + damping * v

  return product


def trust_region_step(
    variables: Sequence[tf.Variable],
    *,
    policy: Callable[[], tfd.Distribution],
    loss: Callable[[tfd.Distribution], tf.Tensor],
    max_kl: float,
    damping: float,
    cg_iterations: int,
    backtrack_ratio: float,
    max_backtracks: int,
    num_regions: int,
    project: Optional[Callable[[], None]] = None,
) -> TrustRegionResult:
  """Moves each region within its own trust region (Schulman et al. 2015).

    (F + damping) x = dloss/dv,    step = x sqrt(2 max_kl / x^T (F + damping) x)

  The variables become v - ratio^j step, with the least j for which the loss has
  fallen and mean KL(old || new) <= max_kl. If no j up to `max_backtracks`
  satisfies both conditions, the region's old variables come back, bit for bit.
  For the solution the gradient is scaled to norm 1, which does not change the
  step.

  Args:
    variables: the variables to move, each `[K, ...]` (any shape if K = 1).
    policy: a function that returns the distribution, as in
      `fisher_vector_product`; it is called for every candidate.
    loss: a function from the result of `policy` to the loss `[K]`, usually a
      `regions.mean`. Neither the loss nor the policy of a region may depend on
      another region's variables; if they need them, give them copies.
    max_kl: delta, the largest mean KL divergence in nats, > 0.
    damping: the number that is added to the diagonal of F, >= 0.
    cg_iterations: the largest number of products for the solution, >= 1.
    backtrack_ratio: the ratio of successive step lengths, in (0, 1).
    max_backtracks: the largest number of times that a step is shortened, >= 0.
    num_regions: K, the number of trust regions.
    project: a function that brings the variables back into their range. It is
      called before a candidate is judged, so that the variables that are kept
      are the ones that were judged.

  Returns:
    `TrustRegionResult`. A NaN raises no error; see its `failure`.

  Raises:
    ValueError: if the distribution is of another family, the loss is not `[K]`,
      or a leading axis is not K.
  """
  variables = list(variables)
  with _tape() as tape:
    tape.watch(variables)
    distribution = policy()
    old = families.parameters(distribution)
    loss_old = loss(distribution)
  gradient, loss_old = _gradient(tape, loss_old, variables, num_regions)
  product = _fisher_product(tape, old, variables, damping, num_regions)
  step, *stages = _natural_step(product, gradient, max_kl, cg_iterations)
  failure = _first_failure(loss_old, gradient, *stages)

  def judge() -> Tuple[tf.Tensor, tf.Tensor]:
    distribution = policy()
    kl = old.kl(families.parameters(distribution))
    return (
        regions.mean(kl, num_regions),
        tf.cast(loss(distribution), tf.float64),
    )

  return _line_search(
      variables,
      tf.where((failure == 0)[:, tf.newaxis], step, 0.0),
      judge,
      loss_old,
      max_kl,
      backtrack_ratio,
      max_backtracks,
      project,
      failure,
  )


def _gradient(
    tape: tf.GradientTape,
    loss: tf.Tensor,
    variables: Sequence[tf.Variable],
    num_regions: int,
) -> Tuple[tf.Tensor, tf.Tensor]:
  """Returns the gradient `[K, P]`, and the loss as float64."""
  if not loss.shape.is_compatible_with([num_regions]):
    raise ValueError(
        f'loss must be of shape [{num_regions}], one number a '
        f'region, got {loss.shape}.'
    )
  gradient = regions.flatten(
      tape.gradient(loss, variables, unconnected_gradients=_ZERO), num_regions
  )
  return gradient, tf.cast(loss, tf.float64)


def _natural_step(
    product: Callable[[tf.Tensor], tf.Tensor],
    gradient: tf.Tensor,
    max_kl: float,
    num_iterations: int,
) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """Returns the full step `[K, P]`, and the last two stages of `FAILURES`."""
  norm = tf.norm(tf.cast(gradient, tf.float64), axis=1, keepdims=True)
  unit = tf.math.divide_no_nan(tf.cast(gradient, tf.float64), norm)
  x, fisher_x = conjugate_gradient.conjugate_gradient(
      product, tf.cast(unit, gradient.dtype), num_iterations=num_iterations
  )
  curvature = tf.reduce_sum(x * fisher_x, axis=1)  # [K]
  # No gradient, no step.
  scale = tf.where(
      curvature == 0.0,
      tf.zeros_like(curvature),
      tf.sqrt(2.0 * tf.cast(max_kl, tf.float64) / curvature),
  )
  step = tf.cast(scale[:, tf.newaxis] * x, gradient.dtype)
  return step, curvature, step


def _first_failure(*stages: tf.Tensor) -> tf.Tensor:
  """Returns `[K]` indices into `FAILURES` of the first stage not finite."""
  is_finite = tf.stack(
      [
          tf.reduce_all(
              tf.reshape(tf.math.is_finite(stage), [stage.shape[0], -1]), axis=1
          )
          for stage in stages
      ]
  )
  first = tf.argmin(tf.cast(is_finite, tf.float32), output_type=tf.int32)
  return tf.where(tf.reduce_all(is_finite, axis=0), 0, 1 + first)


def _line_search(
    variables: Sequence[tf.Variable],
    step: tf.Tensor,
    judge: Callable[[], Tuple[tf.Tensor, tf.Tensor]],
    loss_old: tf.Tensor,
    max_kl: float,
    backtrack_ratio: float,
    max_backtracks: int,
    project: Optional[Callable[[], None]],
    failure: tf.Tensor,
) -> TrustRegionResult:
  """Tries shorter and shorter steps and keeps the accepted ones."""
  old = regions.flatten(variables, step.shape[0])

  def trial(
      j: tf.Tensor,
      pending: tf.Tensor,
      kept: tf.Tensor,
      kl: tf.Tensor,
      loss: tf.Tensor,
      num_backtracks: tf.Tensor,
  ) -> Tuple[tf.Tensor, ...]:
    length = tf.cast(
        tf.cast(backtrack_ratio, tf.float64) ** tf.cast(j, tf.float64),
        old.dtype,
    )
    regions.assign(
        variables, tf.where(pending[:, tf.newaxis], old - length * step, kept)
    )
    if project is not None:
      project()
    candidate = regions.flatten(variables, step.shape[0])
    kl_new, loss_new = judge()
    good = (
        pending
        & (loss_new < loss_old)
        & (kl_new <= tf.cast(max_kl, tf.float64))
    )
    return (
        j + 1,
        pending & ~good,
        tf.where(good[:, tf.newaxis], candidate, kept),
        tf.where(good, kl_new, kl),
        tf.where(good, loss_new, loss),
        tf.where(pending, j, num_backtracks),
    )

  has_step = tf.reduce_any(step != 0.0, axis=1)
  _, pending, kept, kl, loss, num_backtracks = tf.while_loop(
      lambda j, pending, *_: tf.reduce_any(pending),
      trial,
      (
          0,
          has_step,
          old,
          tf.zeros_like(loss_old),
          loss_old,
          tf.zeros_like(failure),
      ),
      maximum_iterations=max_backtracks + 1,
  )
  regions.assign(variables, kept)
  accepted = has_step & ~pending
  change = tf.cast(kept, tf.float64) - tf.cast(old, tf.float64)
  return TrustRegionResult(
      kl=kl,
      improvement=tf.where(accepted, loss_old - loss, 0.0),
      step_norm=tf.norm(change, axis=1),
      accepted=accepted,
      num_backtracks=num_backtracks,
      failure=failure,
  )
