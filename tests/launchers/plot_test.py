"""The plot of several runs, used as a user uses it."""

import contextlib
import pathlib
import subprocess
import sys

from distillery.launchers import plot
from distillery.launchers.figures import adaptation as adaptation_figures
from distillery.launchers.figures import run_scores
from helpers.evaluated_runs import make_run
import matplotlib
from matplotlib import axes
from matplotlib.backends import backend_agg
import numpy as np
import pytest

LAUNCHER = pathlib.Path(plot.__file__)


def run_plot(*arguments, cwd):
  return subprocess.run(
      [sys.executable, LAUNCHER, *arguments],
      capture_output=True,
      text=True,
      timeout=100,
      cwd=cwd,
  )


def test_draws_and_prints_a_table(tmp_path):
  runs = [make_run(tmp_path / f'run{seed}', seed) for seed in range(3)]
  result = run_plot(
      *runs, '--output=c.png', '--bootstrap_repetitions=50', cwd=tmp_path
  )
  assert (result.returncode, result.stderr) == (0, '')
  assert (tmp_path / 'c.png').read_bytes().startswith(b'\x89PNG')
  assert 'task policies, 2 training tasks, 3 seeds, 200 steps' in result.stdout
  # The seeds 0, 1, 2 at 200 steps: 0.2, 0.3, 0.4.
  words = [line.split() for line in result.stdout.splitlines()]
  assert ['a', '30.0%', '(20%', 'to', '40%)'] in words
  assert result.stdout.endswith('wrote c.png\n')


def test_runs_and_the_picture_may_lie_in_the_home(tmp_path, monkeypatch):
  monkeypatch.setenv('MPLCONFIGDIR', matplotlib.get_cachedir())
  monkeypatch.setenv('HOME', str(tmp_path))
  make_run(tmp_path / 'run')
  (tmp_path / 'here').mkdir()
  result = run_plot('~/run', '--output=~/c.png', cwd=tmp_path / 'here')
  assert (result.returncode, result.stderr) == (0, '')
  assert (tmp_path / 'c.png').exists()
  assert not list((tmp_path / 'here').iterdir())


def test_one_run_is_enough(tmp_path):
  result = run_plot(make_run(tmp_path / 'run'), cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  assert '2 training tasks, 1 seed,' in result.stdout


def test_runs_meet_where_all_were_evaluated(tmp_path):
  runs = [
      make_run(tmp_path / 'long', 0),
      make_run(tmp_path / 'short', 1, steps=(0, 50, 100)),
  ]
  suite, scores = run_scores.read_runs(runs)
  assert suite == 'MT10'
  of_task = scores['', 'task', 'train']
  np.testing.assert_array_equal(of_task.env_steps, [0, 100])
  np.testing.assert_allclose(
      of_task.success, [[[0, 0.1]] * 2, [[0.1, 0.2]] * 2]
  )
  np.testing.assert_allclose(of_task.hours, [0.0, 1.5])  # 1 and 2 hours.


def test_how_a_run_is_run_is_no_setting(tmp_path):
  runs = [
      make_run(tmp_path / 'one', 0),
      make_run(
          tmp_path / 'other', 1, num_workers=1, num_actors=2, is_program=True
      ),
  ]
  _, scores = run_scores.read_runs(runs)
  assert len(scores['', 'task', 'train'].success) == 2


def test_over_hours_or_over_steps(tmp_path, monkeypatch):
  _, scores = run_scores.read_runs([make_run(tmp_path / 'run')])
  drawn, draws = [], axes.Axes.plot

  def record(self, x, *args, **kwargs):
    drawn.append(list(x))
    return draws(self, x, *args, **kwargs)

  monkeypatch.setattr(axes.Axes, 'plot', record)
  for over, want in (('env_steps', [0, 100, 200]), ('hours', [0, 1, 2])):
    drawn.clear()
    plot.draw(
        'MT10',
        scores,
        plot.PlotOptions(
            str(tmp_path / 'c.png'), bootstrap_repetitions=10, over=over
        ),
    )
    assert len(drawn) == 2 + 2 * 2 * 2  # Aggregates; runs and means of tasks.
    assert all(x == want for x in drawn)


def test_other_settings_are_drawn_beside(tmp_path):
  runs = [
      make_run(tmp_path / f'{i}', seed, steps=(0, 10 * i), **config)
      for i, (seed, config) in enumerate(
          (
              (0, dict(agent='distral')),
              (1, dict(agent='distral')),
              (0, dict(agent='dnc', penalty=0.1, max_kl=0.01)),
              (0, dict(agent='dnc', penalty=0.2, max_kl=0.01)),
          ),
          start=1,
      )
  ]
  result = run_plot(*runs, '--bootstrap_repetitions=10', cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  for line in (
      'distral: shared policy, 2 training tasks, 2 seeds, 0 steps',
      'dnc penalty=0.1: task policies, 2 training tasks, 1 seed, 30 steps',
      'dnc penalty=0.2: task policies, 2 training tasks, 1 seed, 40 steps',
  ):
    assert line in result.stdout


def test_runs_whose_blocks_end_at_other_steps_are_averaged(tmp_path):
  runs = [
      make_run(tmp_path / 'run0', 0, steps=(0, 104, 211), evaluate_every=100),
      make_run(tmp_path / 'run1', 1, steps=(0, 133, 202), evaluate_every=100),
      # This one has been stopped before its end.
      make_run(tmp_path / 'run2', 2, steps=(0, 160), evaluate_every=100),
  ]
  for number, steps in ((2, [0, 100, 200]), (3, [0, 100])):
    _, scores = run_scores.read_runs(runs[:number])
    for of_key in scores.values():
      assert of_key.env_steps.tolist() == steps
  (found,) = (s for key, s in scores.items() if key.policy == 'task')
  np.testing.assert_allclose(
      found.success[:, 0], [[0.0, 0.1], [0.1, 0.23], [0.2, 0.36]]
  )
  np.testing.assert_allclose(
      found.hours, [0.0, 0.01 * np.mean([104, 2 * 133, 3 * 160])]
  )


def test_an_end_between_two_evaluations_does_not_replace_the_first(tmp_path):
  runs = [
      make_run(tmp_path / 'a', 0, (0, 104, 207, 251), evaluate_every=100),
      make_run(tmp_path / 'b', 1, (0, 110, 205, 260), evaluate_every=100),
  ]
  _, scores = run_scores.read_runs(runs)
  for of_key in scores.values():
    assert of_key.env_steps.tolist() == [0, 100, 200]
    np.testing.assert_allclose(
        of_key.success[:, 0, -1], [0.21, 0.30], atol=0.01
    )


def test_steps_that_all_runs_have_are_kept_as_they_are(tmp_path):
  runs = [
      make_run(tmp_path / f'{seed}', seed, (0, 104, 208), evaluate_every=100)
      for seed in range(2)
  ]
  _, scores = run_scores.read_runs(runs)
  for of_key in scores.values():
    assert of_key.env_steps.tolist() == [0, 104, 208]


@pytest.mark.parametrize(
    'other, says',
    [
        (dict(suite='MT50'), 'suite: got MT10 in run0 and MT50 in run1'),
        (dict(reward_function_version='v1'), 'version: got in run0 and v1 in'),
        (dict(seed=0), 'seed: got 0 in both run0 and run1'),
        (dict(tasks=('a', 'c')), "run0 and run1 differ in ['b', 'c']"),
        (dict(steps=(7,)), 'no evaluation at the same number of steps'),
    ],
)
def test_runs_that_do_not_belong_together(other, says, tmp_path):
  make_run(tmp_path / 'run0')
  make_run(tmp_path / 'run1', **{'seed': 1, **other})
  result = run_plot('run0', 'run1', cwd=tmp_path)
  assert_is_sentence(result, says)


@pytest.mark.parametrize(
    'arguments, says',
    [
        (['nowhere'], 'nowhere/evaluation.csv'),
        ([], 'no RUN_DIR given'),
        (['run', '--output=c.jpg'], "output must end in .png, got 'c.jpg'"),
        (['run', '--bootstrap_repetitions=0'], 'must be positive, got 0'),
        (['bad'], 'got the columns a, b'),
    ],
)
def test_mistakes_are_one_sentence(arguments, says, tmp_path):
  make_run(tmp_path / 'run')
  (tmp_path / 'bad').mkdir()
  (tmp_path / 'bad' / 'evaluation.csv').write_text('a,b\n')
  assert_is_sentence(run_plot(*arguments, cwd=tmp_path), says)


def assert_is_sentence(result, says):
  assert result.returncode == 1
  assert result.stderr.startswith('error: ') and says in result.stderr
  assert result.stderr.count('\n') == 1 and result.stdout == ''


def make_adapted(
    path,
    seed,
    push,
    tasks=('push-0', 'push-1', 'door-0'),
    env_steps=100,
    **config,
):
  """Two trajectories of each task; the second of `push` leaves `seed` m."""
  make_run(path, seed, **config)
  lines = [
      'env_steps,trajectory,task,family,split,taken_for,latent,return,'
      'distance,success'
  ]
  for trajectory in (1, 2):
    for k, task in enumerate(tasks):
      family = task.split('-')[0]
      lines.append(
          f'{env_steps},{trajectory},{task},{family},test,push,'
          f'{3. * (family == "door")} {.1 * k},5,{.5 / trajectory},'
          f'{int(trajectory == 2 and family == push)}'
      )
  (path / 'adaptation_test.csv').write_text('\n'.join(lines) + '\n')
  return str(path)


def test_draws_how_runs_adapted(tmp_path):
  runs = [
      make_adapted(tmp_path / f'run{seed}', seed, push)
      for seed, push in enumerate(('push', 'door'))
  ]
  result = run_plot(*runs, '--adaptation=test', '--output=a.png', cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  lines = [line.split() for line in result.stdout.splitlines()]
  assert lines[0] == ['all', 'runs,', '2', 'seeds']
  assert ['push', '0%', '50%'] in lines and ['door', '0%', '50%'] in lines
  assert '  family inferred correctly: push 100%, door 0%' in result.stdout
  # Means at (0, .05) and (3, .2): 2 / 9 (9 + .15^2) between, and the .05^2 of
  # two of three within.
  between = (3.0**2 + 0.15**2) * 2.0 / 9.0
  assert f'over within: {between / (.05**2 * 2. / 3.):.1f}' in result.stdout
  assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')


def test_one_task_is_drawn_too(tmp_path):
  run = make_adapted(tmp_path / 'run', 0, 'push', tasks=('push-0',))
  result = run_plot(run, '--adaptation=test', cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')


def test_tables_of_adaptation_that_do_not_go_together(tmp_path):
  one = make_adapted(tmp_path / 'one', 0, 'push')
  other = make_adapted(tmp_path / 'other', 1, 'push', tasks=('push-0',))
  longer = make_adapted(tmp_path / 'longer', 2, 'push', env_steps=200)
  same = make_adapted(tmp_path / 'same', 0, 'push')
  for runs, words in (
      ((one, other), 'got other tasks'),
      ((one, longer), 'adapted after 200 steps, and others of the same'),
      ((one, same), 'seed: got 0 in both'),
      ((make_run(tmp_path / 'none'),), 'adaptation_test.csv'),
  ):
    result = run_plot(*runs, '--adaptation=test', cwd=tmp_path)
    assert result.returncode == 1 and words in result.stderr
    assert result.stderr.count('\n') == 1
  (tmp_path / 'one' / 'adaptation_test.csv').write_text('a,b\n1,2\n')
  result = run_plot(one, '--adaptation=test', cwd=tmp_path)
  assert 'cannot read it as a table of adaptation' in result.stderr


@contextlib.contextmanager
def pictures_kept(figures):
  """Collects the figures that are drawn, which are written nowhere."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(
        backend_agg.FigureCanvasAgg,
        'print_png',
        lambda self, file: figures.append(self.figure),
    )
    yield


def test_names_of_users_are_drawn_as_they_are(tmp_path):
  figures = []
  names = ('price $1', r'$\frac$', '_under', '', '[red]x[/red]', '%d')
  runs = [
      make_run(
          tmp_path / f'$run{i}',
          tasks=names,
          suite='$x_$',
          agent='_mine',
          note=note,
      )
      for i, note in enumerate((r'$\frac$', 'b'))
  ]
  suite, scores = run_scores.read_runs(runs)
  with pictures_kept(figures):
    plot.draw(
        suite,
        scores,
        plot.PlotOptions(str(tmp_path / 'c.png'), bootstrap_repetitions=10),
    )
  upper, *panels = figures[0].subfigs[0].axes + figures[0].subfigs[1].axes
  assert upper.get_title().startswith('$x_$: 1 seed')
  labels = [text.get_text() for text in upper.get_legend().get_texts()]
  assert labels[0] == r'_mine note=$\frac$: task policies, training tasks'
  assert len(labels) == 4
  assert [axes.get_title() for axes in panels[: len(names)]] == list(names)
  lines = plot.table(scores, 10).splitlines()
  assert lines[0].startswith(r'_mine note=$\frac$: task policies, 6 training')
  assert [line[2:30].rstrip() for line in lines[3:9]] == list(names)


def test_policies_of_a_users_own_are_drawn_too(tmp_path):
  run = pathlib.Path(make_run(tmp_path / 'run'))
  text = (run / 'evaluation.csv').read_text()
  (run / 'evaluation.csv').write_text(
      text.replace('shared', '$mine').replace('task,', '_own,')
  )
  (run / 'evaluation.csv').write_text(
      (run / 'evaluation.csv')
      .read_text()
      .replace('policy,_own,', 'policy,task,')
  )
  result = run_plot(run, cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  assert '$mine, 2 training tasks' in result.stdout
  assert '_own, 2 training tasks' in result.stdout


@pytest.mark.parametrize(
    'name, line, text, says',
    [
        (
            'evaluation.csv',
            3,
            '0,1',
            'line 3 cannot be read: got 2 columns, want 8',
        ),
        (
            'evaluation.csv',
            4,
            '0,1,task,a,train,1,high,1',
            "line 4 cannot be read: success: got 'high', want a finite number",
        ),
        (
            'evaluation.csv',
            4,
            '0,1,task,a,train,1,nan,1',
            "got 'nan', want a fin",
        ),
        ('config.json', 1, '[3]', 'want the JSON that the run wrote'),
        ('config.json', 1, '{"seed": ', 'cannot read run/config.json'),
        (
            'adaptation_test.csv',
            4,
            '100,1,push-1',
            'line 4 cannot be read: got 3 columns, want 10',
        ),
        ('adaptation_test.csv', 3, '', "no row of trajectory 1 of 'push-1'"),
        (
            'adaptation_test.csv',
            3,
            '100,1,push-1,push,test,push,0 x,5,.5,1',
            "line 3 cannot be read: latent: got 'x', want a finite number",
        ),
        (
            'adaptation_test.csv',
            3,
            '100,1,push-1,push,test,push,0,5,.5,1',
            'latents have more numbers in some rows',
        ),
    ],
)
def test_damaged_files_are_named(tmp_path, name, line, text, says):
  path = pathlib.Path(make_adapted(tmp_path / 'run', 0, 'push')) / name
  lines = path.read_text().splitlines()
  lines[line - 1] = text
  path.write_text('\n'.join(lines) + '\n')
  result = run_plot(
      'run',
      '--bootstrap_repetitions=10',
      *(['--adaptation=test'] if 'adaptation' in name else []),
      cwd=tmp_path,
  )
  assert_is_sentence(result, says)
  assert f'run/{name}' in result.stderr


def test_blank_lines_lose_nothing(tmp_path):
  path = pathlib.Path(make_run(tmp_path / 'run')) / 'evaluation.csv'
  whole = run_plot('run', '--bootstrap_repetitions=10', cwd=tmp_path)
  path.write_text(path.read_text().replace('\n', '\n\n', 4))
  again = run_plot('run', '--bootstrap_repetitions=10', cwd=tmp_path)
  assert again.stdout == whole.stdout and again.returncode == 0


def test_families_of_users_are_drawn_as_they_are(tmp_path):
  run = make_adapted(
      tmp_path / 'run', 0, '$', tasks=('$-0', r'$\frac$-1', '_under-2')
  )
  result = run_plot(run, '--adaptation=test', cwd=tmp_path)
  assert (result.returncode, result.stderr) == (0, '')
  found = adaptation_figures.read([run], 'test')
  figures = []
  with pictures_kept(figures):
    adaptation_figures.draw(found, str(tmp_path / 'a.png'))
  axes = figures[0].axes
  assert [a.get_title() for a in axes[:3]] == ['$', r'$\frac$', '_under']
  assert [text.get_text() for text in axes[-1].get_legend().get_texts()] == [
      '$',
      r'$\frac$',
      '_under',
  ]
