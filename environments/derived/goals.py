"""Every goal a task of its own, as meta-learners have it.

    suite = variations.split(suites.make_suite('ML1/reach-v3', seed=0), 50)

A Meta-World task draws one of its 50 goals for every episode. To adapt is to
try the same goal again and again.
"""

import dataclasses

from distillery.environments import base
from distillery.environments import timestep_checks
from distillery.environments.derived import context_environments
from distillery.environments.pool import argument_checks


def split(suite: base.TaskSuite, goals_per_task: int) -> base.TaskSuite:
  """Makes tasks of the first goals of each task, in both splits.

  Builds an environment of each task, to count its goals.

  Args:
    suite: whose tasks have several variations.
    goals_per_task: of each.

  Returns:
    A suite whose tasks have one variation each and are named after their goal.
    `info` says what is needed to make it anew.

  Raises:
    ValueError: if a task has fewer goals.
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
            # One cluster, in which everything lies.
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
