"""Long runs need no more memory than short ones."""

from distillery.agents.core import specs
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import replay_server
from distillery.agents.core.running import setup
from distillery.agents.core.running import training
from distillery.agents.dnc import builder as dnc_builder
from distillery.agents.dnc import config as dnc_config
from distillery.agents.pearl import builder as pearl_builder
from distillery.agents.pearl import config as pearl_config
from distillery.agents.sac import builder as sac_builder
from distillery.agents.sac import config as sac_config
from distillery.agents.trpo import builder as trpo_builder
from distillery.agents.trpo import config as trpo_config
from distillery.environments import fakes
from distillery.environments.pool import process_pool
import psutil
import pytest

SIZES = dict(envs_per_task=2, unroll_length=50, hidden_sizes=(16,))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    'config, make_builder',
    [
        (trpo_config.TRPOConfig(**SIZES), trpo_builder.TRPOBuilder),
        # Two policies act in turn, and are handed to the workers each time.
        (
            dnc_config.DnCConfig(
                **SIZES,
                central_trpo=True,
                penalty_states=20,
                distillation_minibatches=10,
                distillation_period=5,
            ),
            dnc_builder.DnCBuilder,
        ),
        # The replay is full after five blocks; 100,000 updates.
        (
            sac_config.SACConfig(
                **SIZES,
                critic_hidden_sizes=(16,),
                batch_size=20,
                random_steps=100,
                samples_per_insert=50.0,
                replay_size=500,
                updates_per_step=10,
            ),
            sac_builder.SACBuilder,
        ),
        # The replay is full after ten blocks; 8,000 updates.
        (
            pearl_config.PearlConfig(
                **SIZES,
                critic_hidden_sizes=(16,),
                encoder_hidden_sizes=(16,),
                tasks_per_update=2,
                batch_size=20,
                context_size=20,
                random_steps=50,
                replay_episodes=40,
                updates_per_step=10,
                steps_per_block=4,
            ),
            pearl_builder.PearlBuilder,
        ),
    ],
    ids=['trpo', 'dnc', 'sac', 'pearl'],
)
def test_memory_is_flat_over_200_blocks(tmp_path, config, make_builder):
  suite = fakes.point_mass_suite(2)
  builder = make_builder(
      config,
      specs.AgentSpec(
          2, 0, suite.observation_spec, suite.action_spec, suite.horizon
      ),
  )
  run = setup.ExperimentConfig(
      agent='any',
      agent_config=config,
      make_builder=make_builder,
      suite=suite,
      seed=0,
      num_env_steps=10**9,
      num_workers=1,
      evaluate_every=10**9,
      evaluation_episodes=1,
      checkpoint_every=10**9,
      run_dir=run_directory.RunDirectory(tmp_path, resume=False),
  )
  with (
      process_pool.Pool(
          suite.tasks,
          envs_per_task=config.envs_per_task,
          unroll_length=config.unroll_length,
          num_workers=1,
          seed=0,
          observation_spec=suite.observation_spec,
          action_spec=suite.action_spec,
      ) as pool,
      replay_server.serve(builder, tmp_path, None) as client,
  ):
    loop = training.Training(run, pool, builder, client, None)
    process = psutil.Process()
    (worker,) = (
        child
        for child in process.children()
        if 'spawn_main' in ' '.join(child.cmdline())
    )

    def megabytes_after(num_blocks):
      for _ in range(num_blocks):
        loop._iterate()
      return [p.memory_info().rss / 1e6 for p in (process, worker)]

    before = megabytes_after(50)
    after = megabytes_after(200)
  assert after[0] - before[0] < 5.0
  assert after[1] - before[1] < 1.0
