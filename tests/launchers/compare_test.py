"""The comparison of groups of runs, used as a user uses it."""

import pathlib

from distillery.launchers.common import flag_utils
from helpers import launches
from helpers.evaluated_runs import make_run
from scipy import stats

# Not imported: two launchers in one process would define the same flags.
LAUNCHER = pathlib.Path(flag_utils.__file__).parents[1] / 'compare.py'


def compare(*arguments, cwd):
  return launches.launch(*arguments, program=(LAUNCHER,), cwd=cwd)


def make_runs(path):
  """Two seeds with 20 and 30 %, and three with 40, 50 and 60 %."""
  return [
      *(make_run(path / f'a{seed}', seed) for seed in (0, 1)),
      *(make_run(path / f'b{s}', s, kl_cost=0.1) for s in (2, 3, 4)),
  ]


def rows_of(text):
  return [
      [cell for cell in line.split('  ') if cell] for line in text.splitlines()
  ]


def test_prints_means_differences_and_intervals(tmp_path):
  result = compare(*make_runs(tmp_path), cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  rows = rows_of(result.stdout)
  assert rows[0] == ['task policies, 2 training tasks, 200 steps, success']
  first, second = rows[2:4]
  assert [x.strip() for x in first[:3]] == [
      'all tasks: kl_cost=0.5',
      '2',
      '25.0%',
  ]
  low, high = stats.ttest_ind(
      [0.4, 0.5, 0.6], [0.2, 0.3], equal_var=False
  ).confidence_interval()
  assert [x.strip() for x in second] == [
      'all tasks: kl_cost=0.1',
      '3',
      '50.0%',
      '[25.2%, 74.8%]',
      '+25.0%',
      f'[{low:+.1%}, {high:+.1%}]',
  ]
  assert 'shared policy, 2 training tasks' in result.stdout


def test_tasks_have_lines_of_their_own(tmp_path):
  result = compare(
      *make_runs(tmp_path), '--tasks', '--score=return', cwd=tmp_path
  )
  assert (result.returncode, result.stderr) == (0, '')
  names = [row[0].strip() for row in rows_of(result.stdout)[:8] if row]
  assert names[2:] == [
      f'{task}: kl_cost={cost}'
      for task in ('all tasks', 'a', 'b')
      for cost in (0.5, 0.1)
  ]


def test_one_seed_has_no_interval_and_says_so(tmp_path):
  runs = [make_run(tmp_path / 'a'), make_run(tmp_path / 'b', kl_cost=0.1)]
  result = compare(*runs, cwd=tmp_path)
  assert result.stdout.count('one seed') == 2 * 3


def test_groups_are_compared_where_the_shortest_ends(tmp_path):
  runs = [
      make_run(tmp_path / 'a', steps=(0, 100, 210, 300)),
      make_run(tmp_path / 'b', steps=(0, 90, 200), kl_cost=0.1),
  ]
  result = compare(*runs, cwd=tmp_path)
  assert '200 steps' in result.stdout
  means = [row[2].strip() for row in rows_of(result.stdout)[2:4]]
  assert means == ['21.0%', '20.0%']


def test_groups_with_other_tasks_are_refused(tmp_path):
  runs = [
      make_run(tmp_path / 'a'),
      make_run(tmp_path / 'b', tasks=('a', 'c'), kl_cost=0.1),
  ]
  launches.assert_refused(
      compare(*runs, cwd=tmp_path), 'tasks: the runs of .* have a, b, .* a, c'
  )


def test_a_policy_that_the_first_run_lacks_is_not_compared(tmp_path):
  runs = [make_run(tmp_path / 'a'), make_run(tmp_path / 'b', kl_cost=0.1)]
  table = tmp_path / 'a' / 'evaluation.csv'
  lines = table.read_text().splitlines(keepends=True)
  table.write_text(''.join(line for line in lines if 'shared' not in line))
  result = compare(*runs, cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  assert 'shared policy: the first run has none' in result.stdout
