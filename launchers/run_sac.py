"""Trains soft actor-critic on a suite of tasks.

python launchers/run_sac.py --flagfile=launchers/flags/sac_mt10.cfg
"""

from distillery.agents.sac import builder
from distillery.agents.sac import config as sac_config
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training

_SAC = flag_utils.define(sac_config.SACConfig)
_RUN = flag_utils.define(flag_utils.RunOptions)


def main(_):
  training.train('sac', _SAC.value(), builder.SACBuilder, _RUN.value())


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
