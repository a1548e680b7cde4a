"""DnC's losses (Ghosh et al. 2018, equations 4 to 6).

Local policy i minimises its surrogate loss plus alpha times a penalty:

  vanilla      1/(K-1) sum_{j != i} ( E_{s ~ S_i} KL(pi_i || pi_j)
                                      + E_{s ~ S_j} KL(pi_j || pi_i) )
  release      1/(K-1) sum_{j != i} E_{s ~ S_j} ( KL(pi_j || pi_i)
                                                  + KL(pi_i || pi_j) ) / 2
  centralized  E_{s ~ S_i} KL(pi_i || pi_c)

with S_i the states of context i. The paper's coefficient, for K contexts of
equal weight and a sum in place of the mean, is alpha K^2 / (K - 1). Only pi_i
moves: the others are as they were when the step began.
"""

from typing import TypeVar

from distillery.agents.core.replay import blocks
from distillery.ops import checks
from distillery.ops import families
from distillery.ops import policy_gradient
from distillery.ops import regions
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

Family = TypeVar('Family', families.Gaussian, families.Categorical)


def surrogate_loss(
    policy: tfd.Distribution,
    samples: blocks.Block,
    advantage: tf.Tensor,
    num_regions: int,
) -> tf.Tensor:
  """Computes -mean( pi_i(a|s) / pi_i,old(a|s) A_i(s, a) ) of each region.

  Args:
    policy: the policies in the samples' states, batch shape `[K, N]`.
    samples: actions and their log-probabilities when they were taken,
      `[K, N, ...]`.
    advantage: A_i(s, a), `[K, N]`.
    num_regions: K, the local policies' regions, or 1, the centre's.

  Returns:
    `[num_regions]`.

  Raises:
    ValueError: if the shapes disagree.
  """
  checks.action_of('surrogate_loss', policy, samples.action)
  return regions.mean(
      policy_gradient.surrogate(
          policy.log_prob(samples.action), samples.log_prob, advantage
      ),
      num_regions,
  )


def pairs(parameters: Family, num_contexts: int) -> Family:
  """`[K, K M, ...]` to `[K, K, M, ...]`: policy i in states of context j.

  Args:
    parameters: of K policies in the states of all contexts.
    num_contexts: K.

  Raises:
    ValueError: if they are of another number of policies.
  """
  for x in parameters:
    checks.has_shape('pairs', [num_contexts, *x.shape[1:]], parameters=x)
  return type(parameters)(
      *(
          tf.reshape(x, [num_contexts, num_contexts, -1, x.shape[-1]])
          for x in parameters
      )
  )


def pairwise_penalty(new: Family, old: Family) -> tf.Tensor:
  """The penalty of the paper, `[K]`.

  Args:
    new: parameters of the policies that move, each `[K, K, M, ...]`, policy i
      in the M states of context j.
    old: the same before they moved; without gradient.

  Returns:
    Row i depends on policy i of `new` alone.

  Raises:
    ValueError: if the shapes are others.
  """
  _check_pairs('pairwise_penalty', new, old)
  own_states = _diagonal(new).kl(_transpose(old))  # KL(new[i,i] || old[j,i])
  other_states = _transpose(_diagonal(old)).kl(new)  # KL(old[j,j] || new[i,j])
  return _mean_over_others(own_states + other_states)


def released_penalty(new: Family, old: Family) -> tf.Tensor:
  """That of the released code, `[K]`; arguments as `pairwise_penalty`."""
  _check_pairs('released_penalty', new, old)
  others = _transpose(_diagonal(old))
  return _mean_over_others(0.5 * (others.kl(new) + new.kl(others)))


def central_penalty(local: Family, central: Family) -> tf.Tensor:
  """KL(pi_i || pi_c) in the states of context i, `[K]`.

  Args:
    local: parameters of the pi_i, each `[K, M, ...]`.
    central: those of pi_c, same shapes.

  Raises:
    ValueError: if the shapes disagree.
  """
  _check_same('central_penalty', local, central)
  return tf.reduce_mean(local.kl(central), axis=1)


def distillation_loss(local: Family, central: Family) -> tf.Tensor:
  """KL(pi_i || pi_c), unreduced: maximum likelihood of the actions of pi_i.

  E_{a ~ pi_i}[-log pi_c(a|s)] less the entropy of pi_i, mean and deviation.

  Args:
    local: parameters of the pi_i.
    central: those of pi_c, same shapes.

  Raises:
    ValueError: if the shapes disagree.
  """
  _check_same('distillation_loss', local, central)
  return local.kl(central)


def released_distillation_loss(local: Family, central: Family) -> tf.Tensor:
  """Squared error of the means (logits); arguments as `distillation_loss`."""
  _check_same('released_distillation_loss', local, central)
  return tf.reduce_sum(tf.square(local[0] - central[0]), axis=-1)


def _check_same(op: str, first: Family, second: Family) -> None:
  for one, other in zip(first, second):
    checks.same_shape(op, first=one, second=other)


def _check_pairs(op: str, new: Family, old: Family) -> None:
  num_contexts = new[0].shape[0]
  for x in new:
    checks.has_shape(op, [num_contexts, num_contexts, None, None], new=x)
  _check_same(op, new, old)


def _diagonal(parameters: Family) -> Family:
  """Policy i in its own states, for every j: `[K, 1, M, ...]`."""
  return type(parameters)(
      *(
          tf.stack([x[i, i] for i in range(x.shape[0])])[:, tf.newaxis]
          for x in parameters
      )
  )


def _transpose(parameters: Family) -> Family:
  return type(parameters)(*(tf.transpose(x, [1, 0, 2, 3]) for x in parameters))


def _mean_over_others(kl: tf.Tensor) -> tf.Tensor:
  """`[K, K, M]` (or one that broadcasts to it) to `[K]`, without j = i."""
  num_contexts = kl.shape[0]
  mean = tf.reduce_mean(kl, axis=2)
  others = 1.0 - tf.eye(num_contexts, dtype=mean.dtype)
  return tf.reduce_sum(mean * others, axis=1) / (num_contexts - 1)
