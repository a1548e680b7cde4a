"""The launcher of the two rooms, used as a user uses it."""

from distillery.launchers import two_rooms_figure
import launches

LAUNCHER = launches.FOLDER / 'run_two_rooms.py'


def launch(*arguments, **kwargs):
  return launches.launch(*arguments, program=(LAUNCHER,), **kwargs)


def test_a_short_run_leaves_its_tables_and_picture(tmp_path):
  result = launch(
      '--num_seeds=2', '--num_env_steps=200', '--evaluate_every=100',
      '--run_dir=run', cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  assert 'area under the curve above' in result.stdout
  assert (tmp_path / 'run' / 'two_rooms.png').stat().st_size > 10_000
  rows = launches.rows_of(tmp_path / 'run' / 'learning.csv')
  assert len(rows) == 2 * 2 * 3  # Methods, seeds, evaluations.
  returns, steps, probabilities = two_rooms_figure.read(tmp_path / 'run')
  assert steps.tolist() == [0, 100, 200]
  assert returns['distral'].shape == (2, 3)
  for values in probabilities.values():
    assert values.shape == (2, 4, 4)
    assert abs(values.sum(axis=-1) - 1.).max() < 1e-3
  launches.assert_refused(
      launch('--run_dir=run', cwd=tmp_path), 'is not empty')


def test_what_cannot_be_run_is_refused_in_a_sentence(tmp_path):
  launches.assert_refused(
      launch('--num_tasks=55', cwd=tmp_path),
      'num_goals: got 55, want 1 to 54')
  assert not (tmp_path / 'runs').exists()
