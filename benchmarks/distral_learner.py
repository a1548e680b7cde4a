"""Measures Distral's learner beside the matrix products of its networks.

  python benchmarks/distral_learner.py

The learner makes all gradient steps of a block of MT10, with the shipped
flagfile. The products alone are a bound that no learner of these networks,
epochs and minibatches can pass on this machine. They are also measured under
XLA.
"""

import dataclasses
import itertools
from typing import Callable, List, NamedTuple

import bench_report
from distillery.agents.core import config_fields
from distillery.launchers.common import flag_utils
import numpy as np

_NUM_TASKS, _OBSERVATION_SIZE, _ACTION_SIZE = 10, 39, 4


@dataclasses.dataclass(frozen=True)
class LearnerOptions:
  """The options of the benchmark; all others are those of the agent."""

  envs_per_task: int = config_fields.field(
      16, 'The environments of each task in a block.', config_fields.POSITIVE
  )
  num_epochs: int = config_fields.field(
      4, 'The number of passes over a block.', config_fields.POSITIVE
  )
  num_minibatches: int = config_fields.field(
      16, 'The number of gradient steps in a pass.', config_fields.POSITIVE
  )
  repetitions: int = config_fields.field(
      5, 'The number of measurements.', config_fields.POSITIVE
  )
  output: str = bench_report.output_field('distral_learner')

  def __post_init__(self):
    config_fields.check_fields(self)


def make_config(options: LearnerOptions):
  """Returns the agent's config."""
  from distillery.agents.distral import config as distral_config

  return distral_config.DistralConfig(
      kl_cost=0.03,
      centroid_cost=1.0,
      unroll_length=200,
      shared_observes_task=True,
      envs_per_task=options.envs_per_task,
      num_epochs=options.num_epochs,
      num_minibatches=options.num_minibatches,
  )


def learner_step(config) -> Callable[[], None]:
  """Returns the step of a learner that gets one random block again and again.

  Args:
    config: the agent's config.
  """
  from distillery.agents.core.replay import blocks
  from distillery.agents.distral import learning
  from distillery.agents.distral import networks
  from dm_env import specs
  import tensorflow as tf

  rng = np.random.default_rng(0)
  lead = (_NUM_TASKS, config.unroll_length, config.envs_per_task)

  def normal(*size: int) -> np.ndarray:
    return rng.normal(size=lead + size).astype(np.float32)

  block = blocks.Block(
      observation=normal(_OBSERVATION_SIZE),
      action=normal(_ACTION_SIZE),
      log_prob=normal() - 5.0,
      reward=normal(),
      discount=np.ones(lead, np.float32),
      next_observation=normal(_OBSERVATION_SIZE),
      episode_step=np.zeros(lead, np.int32),
      episode_end=np.zeros(lead, np.bool_),
      success=np.zeros(lead, np.bool_),
  )
  return learning.DistralLearner(
      config,
      networks.make_networks(
          _NUM_TASKS,
          specs.Array((_OBSERVATION_SIZE,), np.float32),
          specs.BoundedArray((_ACTION_SIZE,), np.float32, -1.0, 1.0),
          config,
          seed=0,
      ),
      0,
      iterator=itertools.repeat(blocks.Block(*map(tf.constant, block[:-1]))),
  ).step


class Layer(NamedTuple):
  """A layer of one network, or of the networks of all tasks together."""

  num_networks: int
  inputs: int
  outputs: int
  is_first: bool  # Whether the layer's input is the observation.


def layers(config) -> List[Layer]:
  """Returns every layer of the three networks.

  The shared column is one network for the rows of all tasks. The task columns
  and the values are a network for each task.
  """
  found = []
  for num_networks, sizes in (
      (
          1,
          [
              _OBSERVATION_SIZE + _NUM_TASKS,
              *config.hidden_sizes,
              _ACTION_SIZE,
          ],
      ),
      (
          _NUM_TASKS,
          [_OBSERVATION_SIZE, *config.hidden_sizes, 2 * _ACTION_SIZE],
      ),
      (_NUM_TASKS, [_OBSERVATION_SIZE, *config.value_hidden_sizes, 1]),
  ):
    found += [
        Layer(num_networks, *pair, is_first=not i)
        for i, pair in enumerate(zip(sizes[:-1], sizes[1:]))
    ]
  return found


def products(config, *, xla: bool) -> Callable[[], None]:
  """Returns a function that does only the matrix products of a block.

  These are, for each layer and each minibatch: the forward pass, the gradient
  of the weights and, above the first layer, the gradient of the input.

  Args:
    config: the agent's config.
    xla: whether XLA compiles the products.
  """
  import tensorflow as tf

  rows = config.envs_per_task * config.unroll_length // config.num_minibatches
  all_layers = layers(config)
  operands = []
  for layer in all_layers:
    num_rows = rows * _NUM_TASKS // layer.num_networks
    operands.append(
        tuple(
            tf.random.normal([layer.num_networks, *shape])
            for shape in (
                (num_rows, layer.inputs),
                (layer.inputs, layer.outputs),
                (num_rows, layer.outputs),
            )
        )
    )

  @tf.function(jit_compile=xla)
  def multiply() -> tf.Tensor:
    total = tf.constant(0.0)
    for _ in tf.range(config.num_epochs * config.num_minibatches):
      for layer, (x, weight, gradient) in zip(all_layers, operands):
        # One number of each product is used, so that none is left out. The
        # factor changes in each pass, so that none is computed once for all.
        x = x + 1e-6 * total
        results = [
            tf.matmul(x, weight),
            tf.matmul(x, gradient, transpose_a=True),
        ]
        if not layer.is_first:
          results.append(tf.matmul(gradient, weight, transpose_b=True))
        total += sum(1e-3 * result[0, 0, 0] for result in results)
    return total

  return lambda: multiply().numpy()


_OPTIONS = flag_utils.define(LearnerOptions)


def main(_: List[str]) -> None:
  """Measures everything and reports the figures."""
  options = _OPTIONS.value()
  config = make_config(options)
  num_steps = _NUM_TASKS * config.envs_per_task * config.unroll_length
  functions = {
      'learner alone': learner_step(config),
      'its matrix products alone': products(config, xla=False),
      'the same products under XLA': products(config, xla=True),
  }
  learner, bound, by_xla = bench_report.rates(
      functions,
      dict.fromkeys(functions, num_steps),
      'steps/s',
      options.repetitions,
  )
  bench_report.report(
      f"Distral's learner, {num_steps:,} steps of MT10, "
      f'{config.num_epochs} x {config.num_minibatches} gradient steps',
      [
          learner,
          bound,
          by_xla,
          bench_report.ratio('learner : matrix products', learner, bound),
          bench_report.ratio('XLA : TensorFlow', by_xla, bound),
      ],
      options.output,
  )


if __name__ == '__main__':
  flag_utils.run(main)
