"""A2C learns: measured against chance and against a known optimum."""

from distillery.agents.a2c import builder
from distillery.agents.a2c import config as a2c_config
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.environments import fakes
from helpers import yardsticks
import pytest

# Steps of an episode.
HORIZON = 50


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    'settings',
    [
        dict(order='turns'),
        pytest.param(dict(architecture='separate'), marks=pytest.mark.slow),
        pytest.param(dict(normalize_rewards=True), marks=pytest.mark.slow),
    ],
)
def test_points_find_their_goals(tmp_path, settings):
  """Each head closes most of the gap between chance and the optimum."""
  suite = fakes.point_mass_suite(2, horizon=HORIZON)
  experiment.run_experiment(
      setup.ExperimentConfig(
          agent='a2c',
          make_builder=builder.A2CBuilder,
          suite=suite,
          seed=0,
          agent_config=a2c_config.A2CConfig(
              hidden_sizes=(32, 32),
              learning_rate=3e-3,
              entropy_cost=0.0,
              unroll_length=10,
              discount=0.9,
              **settings,
          ),
          num_env_steps=160_000,
          num_workers=2,
          evaluate_every=160_000,
          evaluation_episodes=1,
          checkpoint_every=160_000,
          run_dir=run_directory.RunDirectory(tmp_path / 'run', resume=False),
      )
  )
  (chance, seldom), (best, _), (found, often) = (
      yardsticks.returns(suite, act)
      for act in (
          yardsticks.random_act(suite),
          yardsticks.optimal_act(suite),
          yardsticks.act_of(tmp_path / 'run', 'task'),
      )
  )
  assert (best > chance + 10.0).all()
  # This holds for every task, not only for their mean.
  assert ((found - chance) / (best - chance) > 0.8).all(), (found, chance, best)
  assert (often > seldom + 0.3).all()
