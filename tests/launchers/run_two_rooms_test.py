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
      launch('--run_dir=run', cwd=tmp_path),
      'run_dir run was begun with other flags')


def test_what_was_interrupted_is_made_by_the_same_command(tmp_path):
  command = ('--num_seeds=2', '--num_env_steps=200', '--evaluate_every=100',
             '--run_dir=run')
  assert launch(*command, cwd=tmp_path).returncode == 0
  path = tmp_path / 'run' / 'learning.csv'
  whole = path.read_text()
  path.write_text(''.join(
      line for line in whole.splitlines(keepends=True)
      if not line.startswith('separate')))
  again = launch(*command, cwd=tmp_path)
  assert (again.returncode, again.stderr) == (0, '')
  assert 'separate: 200' in again.stdout and 'distral: ' not in again.stdout
  assert sorted(path.read_text().splitlines()) == sorted(whole.splitlines())


def test_a_summary_counts_the_seeds_that_keep_their_direction(tmp_path):
  """One seed of two does, and in the mean they would not."""
  rows = [f'{method},{seed},0,{value}' for method, value in (
      ('distral', 1), ('separate', 0)) for seed in (0, 1)]
  (tmp_path / 'learning.csv').write_text(
      'method,seed,env_steps,return\n' + '\n'.join(rows) + '\n')
  rows = [f'{seed},{cell},{previous},{aside / 2},{aside / 2},'
          + (f'{kept},{1 - kept - aside}' if previous == 'left'
             else f'{1 - kept - aside},{kept}')
          for seed, kept, aside in ((0, 0.9, 0.05), (1, 0.3, 0.4))
          for cell in range(4) for previous in ('left', 'right')]
  (tmp_path / 'corridor.csv').write_text(
      'seed,cell,previous_action,up,down,left,right\n'
      + '\n'.join(rows) + '\n')
  lines = two_rooms_figure.summary(tmp_path).splitlines()
  for line, previous in zip(lines[1:], ('left', 'right')):
    assert line == (
        f'in the corridor, coming by {previous}: {previous} again 0.60, up or '
        'down 0.23 in the mean; at least 0.7 and at most 0.1 in 1 of 2 seeds')


def test_what_cannot_be_run_is_refused_in_a_sentence(tmp_path):
  launches.assert_refused(
      launch('--num_tasks=55', cwd=tmp_path),
      'num_goals: got 55, want 1 to 54')
  assert not (tmp_path / 'runs').exists()
