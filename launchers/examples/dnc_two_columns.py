"""Trains DnC with another policy than its own: the two columns of Distral.

  python launchers/examples/dnc_two_columns.py --suite=MT10

DnC's learner takes any `networks.interfaces.MultiTaskPolicy`. Here a local
policy is the product of the central policy and a column of its own. It changes
with the central policy during the distillation, and the reset makes its column
empty.
"""

from distillery.agents.dnc import builder
from distillery.agents.dnc import config as dnc_config
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training

_DNC = flag_utils.define(dnc_config.DnCConfig)
_RUN = flag_utils.define(flag_utils.RunOptions)


def make_networks(spec, config, seed):
  """Makes DnC's networks with another policy.

  Args:
    spec: the description of the tasks.
    config: the agent's config.
    seed: the seed of the initial weights.

  Returns:
    The networks.
  """
  from distillery.agents.core.trust_region import (
      networks as trust_region_networks,
  )
  from distillery.agents.dnc import networks

  policy = trust_region_networks.make_policy(
      spec, config, 'two_column', seed, alpha=0.5
  )
  return networks.make_networks(spec, config, seed)._replace(policy=policy)


def main(_):
  """Runs the experiment that the flags describe."""
  training.train(
      'dnc_two_columns',
      _DNC.value(),
      builder.DnCBuilder,
      _RUN.value(),
      make_networks=make_networks,
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
