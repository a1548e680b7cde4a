"""A student becomes its teachers, measured by what both reach."""

from distillery.agents.a2c import builder as a2c_builder
from distillery.agents.a2c import config as a2c_config
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.distillation import builder
from distillery.agents.distillation import config as distillation_config
from distillery.environments import fakes
from helpers import yardsticks
import pytest

# Steps of an episode.
HORIZON = 50


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    'student_probability, share',
    [
        # Where teachers alone act, a student knows nothing of its own errors.
        (1.0, 0.9),
        (0.5, 0.9),
        (0.0, 0.5),
    ],
)
def test_the_student_does_what_its_teachers_do(
    tmp_path, student_probability, share
):
  suite = fakes.point_mass_suite(2, horizon=HORIZON)

  def run(agent, make_builder, agent_config, num_env_steps):
    experiment.run_experiment(
        setup.ExperimentConfig(
            agent=agent,
            make_builder=make_builder,
            suite=suite,
            seed=0,
            agent_config=agent_config,
            num_env_steps=num_env_steps,
            num_workers=2,
            evaluate_every=num_env_steps,
            evaluation_episodes=1,
            checkpoint_every=num_env_steps,
            run_dir=run_directory.RunDirectory(tmp_path / agent, resume=False),
        )
    )

  run(
      'teachers',
      a2c_builder.A2CBuilder,
      a2c_config.A2CConfig(
          architecture='separate',
          hidden_sizes=(32, 32),
          learning_rate=3e-3,
          entropy_cost=0.0,
          unroll_length=10,
          discount=0.9,
      ),
      160_000,
  )
  run(
      'student',
      builder.DistillationBuilder,
      distillation_config.DistillationConfig(
          teachers=str(tmp_path / 'teachers'),
          student_probability=student_probability,
          hidden_sizes=(32, 32),
          unroll_length=10,
          learning_rate=3e-3,
      ),
      60_000,
  )
  (chance, _), (taught, _), (found, _) = (
      yardsticks.returns(suite, act)
      for act in (
          yardsticks.random_act(suite),
          yardsticks.act_of(tmp_path / 'teachers', 'task'),
          yardsticks.act_of(tmp_path / 'student', 'task'),
      )
  )
  assert (taught > chance + 10.0).all()
  assert ((found - chance) / (taught - chance) > share).all(), (found, taught)
