"""PEARL learns to adapt, to points whose goals it is not told."""

import dataclasses

from distillery.agents.core import adaptation
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.pearl import adaptation as pearl_adaptation
from distillery.agents.pearl import builder
from distillery.agents.pearl import config as pearl_config
from distillery.environments import fakes
from distillery.environments.pool import process_pool
import numpy as np
import pytest

HORIZON = 20
# Goals lie on a circle around the start. A policy that does not know the goal
# can do no better than stay at the start, at this distance.
RADIUS = 0.8


# The number of draws of a first trajectory's latent; one draw misleads.
DRAWS = 8


def distances_left(run_dir, train, test, **changes):
  """Returns the distance from the goals at the end of each of six tries."""
  config = pearl_config.PearlConfig(
      unroll_length=HORIZON,
      latent_size=2,
      hidden_sizes=(64, 64),
      critic_hidden_sizes=(64, 64),
      encoder_hidden_sizes=(64,),
      tasks_per_update=len(train.tasks),
      batch_size=48,
      context_size=20,
      episodes_per_step=8,
      updates_per_step=20,
      random_steps=300,
      discount=0.8,
      reward_scale=5.0,
      kl_weight=1.0,
      **changes,
  )
  num_env_steps = 3_000 * len(train.tasks)
  experiment.run_experiment(
      setup.ExperimentConfig(
          agent='pearl',
          make_builder=builder.PearlBuilder,
          suite=train,
          seed=0,
          agent_config=config,
          num_env_steps=num_env_steps,
          num_workers=1,
          evaluate_every=num_env_steps,
          evaluation_episodes=1,
          checkpoint_every=num_env_steps,
          run_dir=run_directory.RunDirectory(run_dir, resume=False),
      )
  )
  loaded = checkpoints.load_policy(run_dir, 'task')
  adapters = [
      pearl_adaptation.PearlAdapter(
          loaded.policy,
          loaded.parameters,
          len(test),
          seed=seed,
          reward_scale=config.reward_scale,
      )
      for seed in range(DRAWS)
  ]
  with process_pool.Pool(
      test,
      envs_per_task=1,
      unroll_length=HORIZON,
      num_workers=1,
      seed=0,
      observation_spec=train.observation_spec,
      action_spec=train.action_spec,
  ) as pool:
    drawn = [
        adaptation.adapt(pool, adapter, [task.name for task in test], 6)
        for adapter in adapters
    ]
  return -np.mean(
      [
          [
              trajectory.block['reward'][:, -5:].mean()
              for trajectory in trajectories
          ]
          for trajectories in drawn
      ],
      axis=0,
  )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_points_find_their_goals_within_four_trajectories(tmp_path):
  suite = fakes.point_mass_suite(4, horizon=HORIZON)
  left = distances_left(
      tmp_path / 'run',
      suite,
      suite.tasks,
      learning_rate=2e-3,
      steps_per_block=15,
  )
  assert left[0] > RADIUS - 0.2
  assert left[3:].mean() < RADIUS - 0.2


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_points_find_goals_that_are_new(tmp_path):
  """Between those that it was trained on."""
  suite = fakes.point_mass_suite(16, horizon=HORIZON)
  left = distances_left(
      tmp_path / 'run',
      dataclasses.replace(suite, tasks=suite.tasks[::2]),
      suite.tasks[1::2],
      learning_rate=1e-3,
      steps_per_block=20,
  )
  assert left[0] > RADIUS - 0.2
  assert left[3:].mean() < RADIUS - 0.2
