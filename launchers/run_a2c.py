"""Trains A2C on a suite of tasks, with a head or a network for each task.

python launchers/run_a2c.py --flagfile=launchers/flags/a2c_half_cheetah.cfg
"""

from distillery.agents.a2c import builder
from distillery.agents.a2c import config as a2c_config
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training

_A2C = flag_utils.define(a2c_config.A2CConfig)
_RUN = flag_utils.define(flag_utils.RunOptions)


def main(_):
  training.train('a2c', _A2C.value(), builder.A2CBuilder, _RUN.value())


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
