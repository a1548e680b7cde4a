"""Measures what a policy reaches, between chance and the known optimum."""

from distillery.agents.core.run_files import checkpoints
import numpy as np


def returns(suite, act):
  """Mean return of whole episodes of each task, from its fixed starts.

  Args:
    suite: the tasks.
    act: takes an observation and the index of the task.

  Returns:
    Float [tasks]; and the shares of episodes that ended in success.
  """
  totals, successes = [], []
  for index, task in enumerate(suite.tasks):
    environment = task.factory(0)
    for variation in range(environment.num_variations):
      timestep = environment.reset(seed=variation, variation=variation)
      totals.append(0.0)
      while not timestep.last():
        timestep = environment.step(act(timestep.observation, index))
        totals[-1] += float(timestep.reward)
      successes.append(environment.success)
  shape = (len(suite.tasks), -1)
  return (
      np.reshape(totals, shape).mean(1),
      np.reshape(successes, shape).mean(1),
  )


def act_of(run_dir, which):
  policy = checkpoints.load_policy(run_dir, which)
  return lambda observation, index: policy.act(
      observation[np.newaxis], np.array([index])
  )[0]


def random_act(suite):
  rng, spec = np.random.default_rng(0), suite.action_spec
  return lambda *unused: rng.uniform(
      spec.minimum, spec.maximum, spec.shape
  ).astype(np.float32)


def optimal_act(suite):
  environments = [task.factory(0) for task in suite.tasks]
  return lambda observation, index: environments[index].optimal_action(
      observation
  )
