"""Tiny runs of Distral on point masses, in this process or in one to kill.

python run_helpers.py RUN_DIR NUM_ENV_STEPS [--resume]
"""

import functools
import pathlib
import sys

from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.distral import builder
from distillery.agents.distral import config as distral_config
from distillery.environments import base
from distillery.environments import fakes
from distillery.networks.acting import columns as acting_columns
import numpy as np

AGENT = distral_config.DistralConfig(
    envs_per_task=2,
    # Episodes have 50 steps, so that blocks and checkpoints cut them in two.
    unroll_length=32,
    num_epochs=2,
    num_minibatches=2,
    hidden_sizes=(8,),
    value_hidden_sizes=(8,),
)
# Steps of a block, 2 tasks together.
BLOCK = 2 * 2 * 32
# Steps between evaluations, and between checkpoints.
INTERVAL = 4 * BLOCK


def make_suite() -> base.TaskSuite:
  return fakes.point_mass_suite(2)


class Spoilt(fakes.PointMass):
  """A point mass whose rewards become another number in a later episode."""

  def __init__(self, goal, *, seed, reward, after_episodes):
    super().__init__(goal, seed=seed)
    self._reward = np.float32(reward)
    self._episodes_left = after_episodes

  def reset(self, *, seed=None, variation=None):
    # Neither in evaluations nor when the pool measures what a task costs.
    if variation is None and seed != 0:
      self._episodes_left -= 1
    return super().reset(seed=seed, variation=variation)

  def step(self, action):
    timestep = super().step(action)
    if self._episodes_left < 0 and timestep.reward is not None:
      return timestep._replace(reward=self._reward)
    return timestep


def _make_spoilt(seed, **kwargs):
  return Spoilt((0.5, 0.5), seed=seed, **kwargs)


def make_spoilt_suite(reward: float, after_episodes: int) -> base.TaskSuite:
  """Two tasks; the second spoils its rewards after so many episodes."""
  suite = make_suite()
  return base.TaskSuite(
      name='Spoilt',
      observation_spec=suite.observation_spec,
      action_spec=suite.action_spec,
      tasks=(
          suite.tasks[0],
          base.Task(
              'spoilt',
              'point_mass',
              'train',
              functools.partial(
                  _make_spoilt, reward=reward, after_episodes=after_episodes
              ),
          ),
      ),
  )


class OwnPolicy(acting_columns.ColumnPolicy):
  """A policy of a user's own."""


class OwnBuilder(builder.DistralBuilder):
  """Distral that acts by it."""

  def make_policy(self, networks, which):
    return OwnPolicy(**vars(super().make_policy(networks, which)))


def run(
    path: pathlib.Path,
    num_env_steps: int,
    *,
    resume: bool = False,
    suite=None,
    agent=AGENT,
    make_builder=builder.DistralBuilder,
    num_workers: int = 2,
    seed: int = 3,
    **options,
):
  """Runs or resumes; returns the rows of the last evaluation."""
  return experiment.run_experiment(
      setup.ExperimentConfig(
          agent='distral',
          agent_config=agent,
          make_builder=make_builder,
          suite=suite or make_suite(),
          seed=seed,
          num_env_steps=num_env_steps,
          run_dir=run_directory.RunDirectory(path, resume=resume),
          num_workers=num_workers,
          evaluate_every=INTERVAL,
          evaluation_episodes=2,
          **{'checkpoint_every': INTERVAL, **options},
      )
  )


if __name__ == '__main__':
  run(
      pathlib.Path(sys.argv[1]),
      int(sys.argv[2]),
      resume='--resume' in sys.argv[3:],
  )
