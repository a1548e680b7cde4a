"""Trains DnC on a suite of tasks, or on the contexts of a single task.

  python launchers/run_dnc.py --flagfile=launchers/flags/dnc_mt10.cfg
  python launchers/run_dnc.py --suite=MT1/reach-v3 \
      --num_contexts=4 --noobserves_task
"""

import dataclasses

from distillery.agents.core import config_fields
from distillery.agents.dnc import builder
from distillery.agents.dnc import config as dnc_config
from distillery.environments.suites import contexts
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training


@dataclasses.dataclass(frozen=True)
class ContextOptions:
  """The options of the contexts."""

  num_contexts: int = config_fields.field(
      0,
      "The number of contexts into which the suite's single task is "
      'partitioned, by k-means on its initial states; 0: each task of the '
      'suite is a context.',
      config_fields.NOT_NEGATIVE,
  )

  def __post_init__(self) -> None:
    config_fields.check_fields(self)


_DNC = flag_utils.define(dnc_config.DnCConfig)
_CONTEXTS = flag_utils.define(ContextOptions)
_RUN = flag_utils.define(flag_utils.RunOptions)


def main(_):
  config, options, run = _DNC.value(), _CONTEXTS.value(), _RUN.value()
  if options.num_contexts and config.observes_task:
    raise ValueError(
        'observes_task: the central policy must not see the context of a '
        'partitioned task; want --noobserves_task with --num_contexts'
    )

  def partition(suite):
    if not options.num_contexts:
      return suite
    if len(suite.train_tasks) > 1:
      raise ValueError(
          f'num_contexts: got {options.num_contexts} with a suite of '
          f'{len(suite.train_tasks)} tasks, which are contexts already; want a '
          'suite of one task, such as MT1/reach-v3, or --num_contexts=0'
      )
    return contexts.partition(suite, 0, options.num_contexts, seed=run.seed)

  training.train(
      'dnc',
      config,
      builder.DnCBuilder,
      run,
      change_suite=partition,
      more_options=(options,),
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
