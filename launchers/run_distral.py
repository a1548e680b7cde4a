"""Trains Distral on a suite of tasks.

python launchers/run_distral.py --flagfile=launchers/flags/distral_mt10.cfg
"""

from distillery.agents.distral import builder
from distillery.agents.distral import config as distral_config
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training

_DISTRAL = flag_utils.define(distral_config.DistralConfig)
_RUN = flag_utils.define(flag_utils.RunOptions)


def main(_):
  training.train(
      'distral', _DISTRAL.value(), builder.DistralBuilder, _RUN.value()
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
