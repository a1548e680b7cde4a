"""Trains PEARL on a suite of tasks, so that it adapts to held-out tasks.

python launchers/run_pearl.py --flagfile=launchers/flags/pearl_damsel.cfg
python launchers/run_pearl.py --flagfile=launchers/flags/pearl_ml1_reach.cfg
"""

import dataclasses

from distillery.agents.core import config_fields
from distillery.agents.pearl import builder
from distillery.agents.pearl import config as pearl_config
from distillery.environments.suites import goals as goal_suites
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training


@dataclasses.dataclass(frozen=True)
class GoalOptions:
  """The options of the tasks to adapt to."""

  goals_per_task: int = config_fields.field(
      0,
      'The number of goals of each task that become tasks of their own, which '
      "Meta-World's ML suites need; 0: the tasks stay as they are.",
      config_fields.NOT_NEGATIVE,
  )

  def __post_init__(self) -> None:
    config_fields.check_fields(self)


_PEARL = flag_utils.define(pearl_config.PearlConfig)
_GOALS = flag_utils.define(GoalOptions)
_RUN = flag_utils.define(flag_utils.RunOptions)


def main(_):
  config, options, run = _PEARL.value(), _GOALS.value(), _RUN.value()

  def split(suite):
    if options.goals_per_task:
      return goal_suites.split(suite, options.goals_per_task)
    environment = suite.train_tasks[0].factory(0)
    num_goals = environment.num_variations
    environment.close()
    if num_goals > 1:
      raise ValueError(
          f'goals_per_task: got 0, but episodes of {suite.train_tasks[0].name} '
          f'have {num_goals} different goals, and a task to adapt to has one; '
          f'want 1 to {num_goals}, which makes each goal a task.'
      )
    return suite

  training.train(
      'pearl',
      config,
      builder.PearlBuilder,
      run,
      change_suite=split,
      more_options=(options,),
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
