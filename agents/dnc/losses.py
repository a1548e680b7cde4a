"""The losses of DnC (Ghosh et al. 2018, equations 4 to 6).

The local policy i minimises its surrogate loss plus alpha times a penalty:

  vanilla      1/(K-1) sum_{j != i} ( E_{s ~ S_i} KL(pi_i || pi_j)
                                      + E_{s ~ S_j} KL(pi_j || pi_i) )
  release      1/(K-1) sum_{j != i} E_{s ~ S_j} ( KL(pi_j || pi_i)
                                                  + KL(pi_i || pi_j) ) / 2
  centralized  E_{s ~ S_i} KL(pi_i || pi_c)

with S_i the states of context i. The paper has a sum in place of the mean; its
coefficient, for K contexts of equal weight, is alpha K^2 / (K - 1). Only pi_i
moves: the other policies are as they were when the step began.
"""

from typing import TypeVar

from distillery.agents.core.replay import blocks
from distillery.ops import checks
from distillery.ops import policy_gradient
from distillery.ops.trust_region import families
from distillery.ops.trust_region import regions
import tensorflow as tf
from tensorflow_probability import distributions as tfd

Family = TypeVar('Family', bound=families.Parameters)


def surrogate_loss(
    policy: tfd.Distribution,
    samples: blocks.Block,
    advantage: tf.Tensor,
    num_regions: int,
) -> tf.Tensor:
  """Computes -mean( pi_i(a|s) / pi_i,old(a|s) A_i(s, a) ) of each region.

  Args:
    policy: the policies in the samples' states, batch shape `[K, N]`.
    samples: the samples `[K, N, ...]`, with their actions and the
      log-probabilities under the policies that acted.
    advantage: the advantages A_i(s, a), `[K, N]`.
    num_regions: the number of trust regions: K for the local policies, 1 for
      the central one.

  Returns:
    The loss of each region, `[num_regions]`.

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
  """Splits the states of all contexts by context.

  Args:
    parameters: the parameters of K policies in the states of all contexts, each
      `[K, K * M, ...]`.
    num_contexts: K, the number of contexts.

  Returns:
    The parameters `[K, K, M, ...]`: of policy i in the states of context j.

  Raises:
    ValueError: if the number of policies is not K.
  """

  def of_contexts(x: tf.Tensor) -> tf.Tensor:
    checks.has_shape('pairs', [num_contexts, *x.shape[1:]], parameters=x)
    return tf.reshape(x, [num_contexts, num_contexts, -1, x.shape[-1]])

  return type(parameters)(*map(of_contexts, parameters))


def pairwise_penalty(new: Family, old: Family) -> tf.Tensor:
  """Computes the penalty 'vanilla', that of the paper.

  Args:
    new: the parameters of the policies that move, each `[K, K, M, ...]`: of
      policy i in the M states of context j.
    old: the parameters before the step, of the same shapes, without a gradient.

  Returns:
    The penalty of each policy in nats, `[K]`. Row i depends on policy i of
    `new` alone.

  Raises:
    ValueError: if an argument has another shape.
  """
  _check_pairs('pairwise_penalty', new, old)
  own_states = _diagonal(new).kl(_transpose(old))  # KL(new[i,i] || old[j,i])
  other_states = _transpose(_diagonal(old)).kl(new)  # KL(old[j,j] || new[i,j])
  return _mean_over_others(own_states + other_states)


def released_penalty(new: Family, old: Family) -> tf.Tensor:
  """Computes the penalty 'release', that of the released code.

  Args:
    new: the parameters of the policies that move, each `[K, K, M, ...]`: of
      policy i in the M states of context j.
    old: the parameters before the step, of the same shapes, without a gradient.

  Returns:
    The penalty of each policy in nats, `[K]`. Row i depends on policy i of
    `new` alone.

  Raises:
    ValueError: if an argument has another shape.
  """
  _check_pairs('released_penalty', new, old)
  others = _transpose(_diagonal(old))
  return _mean_over_others(0.5 * (others.kl(new) + new.kl(others)))


def central_penalty(local: Family, central: Family) -> tf.Tensor:
  """Computes the penalty 'centralized', KL(pi_i || pi_c).

  Args:
    local: the parameters of each pi_i in the M states of context i, each
      `[K, M, ...]`.
    central: the parameters of pi_c in these states, of the same shapes.

  Returns:
    The mean KL of each context in nats, `[K]`.

  Raises:
    ValueError: if the shapes disagree.
  """
  _check_same('central_penalty', local, central)
  return tf.reduce_mean(local.kl(central), axis=1)


def distillation_loss(local: Family, central: Family) -> tf.Tensor:
  """Computes KL(pi_i || pi_c), the loss of the paper.

  To minimise it is to fit pi_c to the actions of pi_i by maximum likelihood:
  the KL is E_{a ~ pi_i}[-log pi_c(a|s)] minus the entropy of pi_i. Both the
  mean and the standard deviation are fitted.

  Args:
    local: the parameters of each pi_i, `[K, N, ...]`.
    central: the parameters of pi_c, of the same shapes.

  Returns:
    The KL in nats, `[K, N]`, unreduced.

  Raises:
    ValueError: if the shapes disagree.
  """
  _check_same('distillation_loss', local, central)
  return local.kl(central)


def released_distillation_loss(local: Family, central: Family) -> tf.Tensor:
  """Computes the squared error of the means, the loss of the released code.

  If actions are discrete, it is the error of the logits.

  Args:
    local: the parameters of each pi_i, `[K, N, ...]`.
    central: the parameters of pi_c, of the same shapes.

  Returns:
    The error, summed over the entries of the action, `[K, N]`.

  Raises:
    ValueError: if the shapes disagree.
  """
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
  """Selects policy i in its own states, `[K, 1, M, ...]`."""
  return type(parameters)(
      *(
          tf.stack([x[i, i] for i in range(x.shape[0])])[:, tf.newaxis]
          for x in parameters
      )
  )


def _transpose(parameters: Family) -> Family:
  """Exchanges the two axes of K."""
  return type(parameters)(*(tf.transpose(x, [1, 0, 2, 3]) for x in parameters))


def _mean_over_others(kl: tf.Tensor) -> tf.Tensor:
  """Averages `[K, K, M]`, or what broadcasts to it, over M and all j != i."""
  num_contexts = kl.shape[0]
  mean = tf.reduce_mean(kl, axis=2)
  others = 1.0 - tf.eye(num_contexts, dtype=mean.dtype)
  return tf.reduce_sum(mean * others, axis=1) / (num_contexts - 1)
