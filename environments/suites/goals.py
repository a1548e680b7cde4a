"""Makes every goal a task of its own, as meta-learners need it.

    suite = goals.split(suites.make_suite('ML1/reach-v3', seed=0), 50)

A Meta-World task draws one of its 50 goals for every episode. A meta-learner
adapts to one goal, so it needs many episodes with the same goal.
"""

import dataclasses

from distillery.environments import base
from distillery.environments import timestep_checks
from distillery.environments.pool import argument_checks
from distillery.environments.suites import context_environments


def split(suite: base.TaskSuite, goals_per_task: int) -> base.TaskSuite:
  """Makes a task of each of the first goals of every task, in both splits.

  This builds an environment of every task, to count its goals.

  Args:
    suite: the suite, whose tasks have several variations: their goals.
    goals_per_task: the number of goals to take of each task, at least 1.

  Returns:
    The suite. Its tasks have one variation each and are named after their goal.
    `info` holds the name of `suite` and `goals_per_task`.

  Raises:
    ValueError: if `goals_per_task` is not a positive integer, or a task has
      fewer goals.
  """
  argument_checks.check_counts(goals_per_task=goals_per_task)
  tasks = []
  for task in suite.tasks:
    environment = task.factory(0)
    known = timestep_checks.num_variations(environment, task.name)
    environment.close()
    if known < goals_per_task:
      raise ValueError(
          f'goals_per_task: got {goals_per_task}, want at most '
          f'{known}, of {task.name!r} in {suite.name}'
      )
    tasks += [
        base.Task(
            f'{task.name}-goal{goal:02d}',
            task.family,
            task.split,
            # A single cluster, which holds every observation.
            context_environments.ContextFactory(
                task.factory, 0, (), ((),), (goal,)
            ),
        )
        for goal in range(goals_per_task)
    ]
  return dataclasses.replace(
      suite,
      make_batch=None,
      name=f'{suite.name}, {goals_per_task} goals of each task',
      tasks=tuple(tasks),
      info={
          **suite.info,
          'undivided_suite': suite.name,
          'goals_per_task': str(goals_per_task),
      },
  )
