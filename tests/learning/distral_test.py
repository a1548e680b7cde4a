"""Distral learns: measured against chance and against a known optimum."""

from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.distral import builder
from distillery.agents.distral import config as distral_config
from distillery.environments import fakes
from helpers import yardsticks
import pytest

# Steps of an episode.
HORIZON = 50


def train(suite, run_dir, num_env_steps, seed=0, **changes):
  """Trains Distral, KL and entropy, two columns; pi_0 sees the task."""
  config = dict(
      architecture='two_column',
      kl_cost=0.005,
      entropy_cost=0.005,
      shared_observes_task=True,
      envs_per_task=4,
      unroll_length=HORIZON,
      reward_scale=1.0,
      hidden_sizes=(32, 32),
      value_hidden_sizes=(32, 32),
      learning_rate=3e-3,
      value_learning_rate=3e-3,
      num_epochs=8,
      num_minibatches=4,
      min_std=0.05,
  )
  experiment.run_experiment(
      setup.ExperimentConfig(
          agent='distral',
          agent_config=distral_config.DistralConfig(**{**config, **changes}),
          make_builder=builder.DistralBuilder,
          suite=suite,
          seed=seed,
          num_env_steps=num_env_steps,
          num_workers=2,
          run_dir=run_directory.RunDirectory(run_dir, resume=False),
          evaluate_every=num_env_steps,
          evaluation_episodes=8,
          checkpoint_every=num_env_steps,
      )
  )


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    'num_tasks, num_env_steps, share',
    [
        pytest.param(2, 24_000, 0.9, id='quick'),
        pytest.param(4, 160_000, 0.97, id='long', marks=pytest.mark.slow),
    ],
)
def test_points_find_their_goals(tmp_path, num_tasks, num_env_steps, share):
  """Both policies close most of the gap between chance and the optimum."""
  suite = fakes.point_mass_suite(num_tasks, horizon=HORIZON)
  train(suite, tmp_path / 'run', num_env_steps)
  chance, best, task, shared = (
      yardsticks.returns(suite, act)
      for act in (
          yardsticks.random_act(suite),
          yardsticks.optimal_act(suite),
          *(
              yardsticks.act_of(tmp_path / 'run', which)
              for which in ('task', 'shared')
          ),
      )
  )
  assert (best[0] > chance[0] + 10.0).all()
  for found in (task, shared):
    # This holds for every task, not only for their mean.
    assert ((found[0] - chance[0]) / (best[0] - chance[0]) > share).all()
    assert (found[1] > chance[1] + 0.5).all()
