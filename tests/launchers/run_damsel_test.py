"""The launchers of DAMSEL and of adaptation, used as a user uses them."""

from distillery.agents.damsel import config as damsel_config
from helpers import launches
import pytest

pytestmark = pytest.mark.timeout(900)
LAUNCHER = launches.FOLDER / 'run_damsel.py'
ADAPT = launches.FOLDER / 'adapt.py'
FLAGFILES = sorted(LAUNCHER.parent.glob('flags/damsel_*.cfg'))
FLAGFILE = LAUNCHER.parent / 'flags' / 'damsel_scripted.cfg'
TINY = (
    f'--flagfile={FLAGFILE}',
    '--experts=experts',
    '--expert_episodes=1',
    '--num_env_steps=18000',
    '--evaluate_every=18000',
    '--num_workers=1',
    '--policy_hidden_sizes=16',
    '--encoder_hidden_sizes=16',
    '--model_hidden_sizes=16',
    '--episodes_per_step=1',
    '--steps_per_block=1',
    '--updates_per_step=5',
    '--run_dir=run',
)


def launch(*arguments, program=LAUNCHER, **kwargs):
  return launches.launch(*arguments, program=(program,), **kwargs)


@pytest.mark.slow
def test_experts_a_run_and_adaptation(tmp_path):
  result = launch(*TINY, cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  assert 'making scripted experts in experts' in result.stdout
  (row,) = launches.rows_of(tmp_path / 'run' / 'train.csv')
  assert (row['env_steps'], row['learner_steps']) == ('18000', '1')
  assert float(row['imitation_loss']) > 0.0
  result = launch(
      '--run_dir=run',
      '--num_trajectories=4',
      '--num_workers=1',
      program=ADAPT,
      cwd=tmp_path,
  )
  assert (result.returncode, result.stderr) == (0, '')
  assert 'family inferred correctly' in result.stdout
  nothing = next(
      line
      for line in result.stdout.splitlines()
      if line.startswith('doing nothing')
  )
  assert nothing.split()[2:] == ['0%', '10%', '20%']
  rows = launches.rows_of(tmp_path / 'run' / 'adaptation_test.csv')
  assert len(rows) == 4 * 30
  assert {row['split'] for row in rows} == {'test'}
  # The families' components come first, one after another.
  assert not any(row['taken_for'] for row in rows[:90])
  assert {row['taken_for'] for row in rows[90:]} <= {'push', 'door', 'drawer'}
  assert all(float(row['distance']) >= 0.0 for row in rows)
  assert all(len(row['latent'].split()) == 5 for row in rows)
  assert (
      '"expert_source": "scripted"'
      in (tmp_path / 'run' / 'versions.json').read_text()
  )
  # The experts are there by now.
  result = launch(*TINY, '--run_dir=again', cwd=tmp_path)
  assert result.returncode == 0 and 'making' not in result.stdout
  # They are not those that are asked for now.
  result = launch(*TINY, '--run_dir=third', '--expert_episodes=2', cwd=tmp_path)
  assert result.returncode == 1
  launches.assert_one_sentence(
      result.stderr, 'have num_episodes 1, not 2; want other flags'
  )


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['--experts='], 'experts: got no directory, want the one that holds'),
        (['--suite=MT10'], "no scripted expert for 'reach-v3' of MT10"),
        (
            ['--expert_source=sac_per_task'],
            "expert_run '' holds no run; want the ",
        ),
        (
            ['--expert_source=sac'],
            'expert_source=sac: value should be one of <',
        ),
        (['--expert_episodes=0'], 'expert_episodes must be positive, got 0'),
    ],
)
def test_wrong_flags_raise_one_sentence(
    tmp_path, without_tensorflow, arguments, words
):
  result = launch(*TINY, *arguments, cwd=tmp_path, **without_tensorflow)
  assert result.returncode == 1
  launches.assert_one_sentence(result.stderr, words)


def test_only_meta_learners_adapt(tmp_path):
  launches.assert_refused(
      launch('--run_dir=nowhere', program=ADAPT, cwd=tmp_path),
      "run_dir 'nowhere' holds no run",
  )
  (tmp_path / 'run').mkdir()
  (tmp_path / 'run' / 'config.json').write_text('{"agent": "sa')
  launches.assert_refused(
      launch('--run_dir=run', program=ADAPT, cwd=tmp_path),
      'cannot read run/config.json',
  )
  (tmp_path / 'run' / 'config.json').write_text(
      '{"agent": "sac", "suite": "DAMSEL", "seed": 0, '
      '"tasks": ["push-00 (train)"]}'
  )
  (tmp_path / 'run' / 'versions.json').write_text('{}')
  launches.assert_refused(
      launch('--run_dir=run', program=ADAPT, cwd=tmp_path),
      'run is a run of sac, which does not adapt',
  )


@pytest.mark.parametrize('path', FLAGFILES, ids=lambda path: path.stem)
def test_flagfiles_suit_their_tasks(path):
  config, run, spec = launches.read_flagfile(
      path, damsel_config.DamselConfig, others=('expert_source', 'expert_run')
  )
  assert (run.suite, spec.num_tasks, spec.num_test_tasks) == ('DAMSEL', 60, 30)
  assert spec.horizon == config.unroll_length
  assert config == damsel_config.DamselConfig(experts=config.experts)
