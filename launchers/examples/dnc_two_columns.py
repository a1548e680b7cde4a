"""DnC with another policy than its own: the two columns of Distral.

  python launchers/examples/dnc_two_columns.py --suite=MT10

DnC's learner takes any `networks.interfaces.MultiTaskPolicy`. Here a local
policy is the central one and a column of its own: it follows the central policy
when that is distilled, and the reset empties the column.
"""

from distillery.agents.dnc import builder
from distillery.agents.dnc import config as dnc_config
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training

_DNC = flag_utils.define(dnc_config.DnCConfig)
_RUN = flag_utils.define(flag_utils.RunOptions)


def make_networks(spec, config, seed):
  """Returns DnC's networks with another policy."""
  from distillery.agents.core.trust_region import (
      networks as trust_region_networks,
  )
  from distillery.agents.dnc import networks

  policy = trust_region_networks.make_policy(
      spec, config, 'two_column', seed, alpha=0.5
  )
  return networks.make_networks(spec, config, seed)._replace(policy=policy)


def main(_):
  training.train(
      'dnc_two_columns',
      _DNC.value(),
      builder.DnCBuilder,
      _RUN.value(),
      make_networks=make_networks,
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
