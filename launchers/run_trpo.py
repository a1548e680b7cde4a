"""Trains TRPO on a suite of tasks: one policy for all of them.

python launchers/run_trpo.py --flagfile=launchers/flags/trpo_mt10.cfg
"""

from distillery.agents.trpo import builder
from distillery.agents.trpo import config as trpo_config
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training

_TRPO = flag_utils.define(trpo_config.TRPOConfig)
_RUN = flag_utils.define(flag_utils.RunOptions)


def main(_):
  training.train('trpo', _TRPO.value(), builder.TRPOBuilder, _RUN.value())


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
