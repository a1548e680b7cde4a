"""DAMSEL learns to adapt, to points whose goals are new and not told."""

import dataclasses

from distillery.agents.core import adaptation
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.damsel import adaptation as damsel_adaptation
from distillery.agents.damsel import builder
from distillery.agents.damsel import config as damsel_config
from distillery.agents.damsel import experts
from distillery.environments import fakes
from distillery.environments.pool import process_pool
import numpy as np
import pytest

HORIZON = 20
# Goals lie on a circle around the start. A policy that does not know the goal
# can do no better than stay at the start, at this distance.
RADIUS = 0.8
FAMILIES = ('right', 'left')


def suite_of_points():
  """32 goals; every other is held out. A family is half of the circle."""
  suite = fakes.point_mass_suite(32, horizon=HORIZON)
  return dataclasses.replace(
      suite,
      tasks=tuple(
          dataclasses.replace(
              task,
              split='test' if i % 2 else 'train',
              family=FAMILIES[task.factory(0).goal[0] < -1e-3],
          )
          for i, task in enumerate(suite.tasks)
      ),
  )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_points_find_goals_that_are_new(tmp_path):
  suite = suite_of_points()
  found, failed = experts.collect(
      suite,
      lambda index, task: task.factory(0).optimal_action,
      source='optimal',
      num_episodes=8,
      noise_std=0.3,
      seed=0,
  )
  assert not failed
  experts.write(str(tmp_path / 'experts'), found)
  num_env_steps = 10 * 2 * HORIZON * len(suite.train_tasks)
  experiment.run_experiment(
      setup.ExperimentConfig(
          agent='damsel',
          make_builder=builder.DamselBuilder,
          suite=suite,
          seed=0,
          agent_config=damsel_config.DamselConfig(
              experts=str(tmp_path / 'experts'),
              unroll_length=HORIZON,
              latent_size=3,
              policy_hidden_sizes=(64, 64),
              encoder_hidden_sizes=(64,),
              model_hidden_sizes=(64,),
              tasks_per_update=8,
              expert_batch_size=32,
              context_size=20,
              updates_per_step=20,
              steps_per_block=10,
              reward_scale=1.0,
              learning_rate=2e-3,
          ),
          num_env_steps=num_env_steps,
          num_workers=1,
          evaluation_episodes=1,
          evaluate_every=num_env_steps,
          checkpoint_every=num_env_steps,
          run_dir=run_directory.RunDirectory(tmp_path / 'run', resume=False),
      )
  )
  loaded = checkpoints.load_policy(tmp_path / 'run', 'task')
  adapter = damsel_adaptation.DamselAdapter(
      loaded.policy, loaded.parameters, len(suite.test_tasks)
  )
  with process_pool.Pool(
      suite.test_tasks,
      envs_per_task=1,
      unroll_length=HORIZON,
      num_workers=1,
      seed=0,
      observation_spec=suite.observation_spec,
      action_spec=suite.action_spec,
  ) as pool:
    trajectories = adaptation.adapt(
        pool, adapter, [task.name for task in suite.test_tasks], 6
    )
  tried = trajectories[0].block['reward'][:, -1].mean()
  inferred = [
      trajectory.block['reward'][:, -1].mean()
      for trajectory in trajectories[3:]
  ]
  assert -tried > RADIUS - 0.2
  assert -np.mean(inferred) < RADIUS - 0.2
  # One goal on the boundary between them looks like either.
  families = np.array([task.family for task in suite.test_tasks])
  right = np.array(FAMILIES)[trajectories[-1].inferred_family] == families
  assert right.mean() >= 0.75
