"""SAC learns: measured against chance and against a known optimum."""

from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.sac import builder
from distillery.agents.sac import config as sac_config
from distillery.environments import fakes
from helpers import yardsticks
import pytest

HORIZON = 20


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    'architecture',
    [
        'separate',
        pytest.param('shared', marks=pytest.mark.slow),
        pytest.param('multi_head', marks=pytest.mark.slow),
    ],
)
def test_points_find_their_goals(tmp_path, architecture):
  """Most of the gap between chance and the optimum, in every task."""
  suite = fakes.point_mass_suite(2, horizon=HORIZON)
  experiment.run_experiment(
      setup.ExperimentConfig(
          agent='sac',
          make_builder=builder.SACBuilder,
          suite=suite,
          seed=0,
          agent_config=sac_config.SACConfig(
              architecture=architecture,
              observes_task=architecture != 'separate',
              unroll_length=20,
              hidden_sizes=(32, 32),
              critic_hidden_sizes=(32, 32),
              batch_size=2 * 32,
              discount=0.9,
              samples_per_insert=32.0,
              random_steps=200,
              learning_rate=3e-3,
              temperature_learning_rate=3e-3,
              initial_temperature=0.1,
              max_gradient_norm=10.0,
          ),
          num_env_steps=6_000,
          num_workers=1,
          evaluate_every=6_000,
          evaluation_episodes=1,
          checkpoint_every=6_000,
          run_dir=run_directory.RunDirectory(tmp_path / 'run', resume=False),
      )
  )
  which = 'shared' if architecture == 'shared' else 'task'
  (chance, seldom), (best, _), (found, often) = (
      yardsticks.returns(suite, act)
      for act in (
          yardsticks.random_act(suite),
          yardsticks.optimal_act(suite),
          yardsticks.act_of(tmp_path / 'run', which),
      )
  )
  assert (best > chance + 3.0).all()
  # This holds for every task, not only for their mean.
  assert ((found - chance) / (best - chance) > 0.9).all()
  assert (often > seldom + 0.5).all()
