"""TRPO learns: measured against chance and against a known optimum."""

from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.trpo import builder
from distillery.agents.trpo import config as trpo_config
from distillery.environments import fakes
from helpers import yardsticks
import pytest

# Steps of an episode.
HORIZON = 50


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    'baseline', ['linear', pytest.param('neural', marks=pytest.mark.slow)]
)
def test_points_find_their_goals(tmp_path, baseline):
  """One policy closes most of the gap between chance and the optimum."""
  suite = fakes.point_mass_suite(2, horizon=HORIZON)
  experiment.run_experiment(
      setup.ExperimentConfig(
          agent='trpo',
          make_builder=builder.TRPOBuilder,
          suite=suite,
          seed=0,
          agent_config=trpo_config.TRPOConfig(
              envs_per_task=5,
              unroll_length=2 * HORIZON,
              hidden_sizes=(32, 32),
              baseline=baseline,
              value_hidden_sizes=(32, 32),
              max_kl=0.05,
              min_std=0.05,
          ),
          num_env_steps=20_000,
          num_workers=2,
          evaluate_every=20_000,
          evaluation_episodes=1,
          checkpoint_every=20_000,
          run_dir=run_directory.RunDirectory(tmp_path / 'run', resume=False),
      )
  )
  (chance, seldom), (best, _), (found, often) = (
      yardsticks.returns(suite, act)
      for act in (
          yardsticks.random_act(suite),
          yardsticks.optimal_act(suite),
          yardsticks.act_of(tmp_path / 'run', 'shared'),
      )
  )
  assert (best > chance + 10.0).all()
  # This holds for every task, not only for their mean.
  assert ((found - chance) / (best - chance) > 0.9).all()
  assert (often > seldom + 0.5).all()
