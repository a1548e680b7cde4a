"""Distils one frozen teacher per task into one student with a head per task.

  python launchers/run_distillation.py \\
    --flagfile=launchers/flags/distillation_half_cheetah.cfg --teachers=RUN
"""

from distillery.agents.distillation import builder
from distillery.agents.distillation import config as distillation_config
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training

_DISTILLATION = flag_utils.define(distillation_config.DistillationConfig)
_RUN = flag_utils.define(flag_utils.RunOptions)


def main(_):
  training.train(
      'distillation',
      _DISTILLATION.value(),
      builder.DistillationBuilder,
      _RUN.value(),
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
