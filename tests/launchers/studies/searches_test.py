"""The search of settings: what is tried, what is stopped, what is resumed."""

import json
import signal
import sys

from distillery.agents.core.run_files import run_directory
from distillery.launchers.studies import jobs
from distillery.launchers.studies import search_spaces
from distillery.launchers.studies import searches
from distillery.launchers.studies import sweep_results
import pytest

pytestmark = pytest.mark.timeout(120)

# A run that takes the place of a launcher: it evaluates three times, and its
# score is the width, or that of the seed in its second digit.
RUN = """
import json, os, sys, time
folder, width, pause, fails, dies = sys.argv[1:]
os.makedirs(folder + '/checkpoints/30')
with open('made.txt', 'a') as f:
  f.write(folder + '\\n')
if fails == width:
  sys.exit(1)
with open(folder + '/evaluation.csv', 'w') as f:
  f.write({header!r})
  for steps in (0, 10, 20, 30):
    f.write(f'{{steps}},1.0,task,a,train,5,{{float(width) / 10}},0.0\\n')
    f.flush()
    time.sleep(float(pause) if float(width) < 5 else 0)
if dies == width:
  sys.exit(1)
open(folder + '/checkpoints/30/manifest.json', 'w').write('{{}}')
""".format(header=','.join(run_directory.EVALUATION_COLUMNS) + '\n')


@pytest.fixture
def make(tmp_path, monkeypatch):
  """Returns a function that makes a `Search` of `width`."""

  def command(self, job, is_begun):
    width = job.flags[-1].partition('=')[2]
    return [sys.executable, '-c', RUN, str(job.folder), width, *RUNS]

  RUNS = ['0', 'none', 'none']
  monkeypatch.setattr(jobs.Runner, '_command', command)
  monkeypatch.setattr(jobs, '_POLL_S', 0.05)
  handler = signal.getsignal(signal.SIGTERM)

  def search(
      texts, *, pause=0, fails='none', dies='none', num_parallel=1, **kwargs
  ):
    RUNS[:] = [str(pause), fails, dies]
    settings = dict(
        launcher='run_distral.py',
        flagfile='',
        flags=(),
        space=search_spaces.parse_space(texts),
        sampler='grid',
        num_trials=5,
        seeds=(100, 101),
        num_env_steps=30,
        policy='task',
        metric='success',
        prune=False,
    )
    settings.update(kwargs)
    return searches.Search(searches.Sweep(**settings), tmp_path, num_parallel)

  yield search
  signal.signal(signal.SIGTERM, handler)


def made(tmp_path):
  return (tmp_path / 'made.txt').read_text().splitlines()


def ignore(trials):
  del trials


def test_a_grid_has_every_combination():
  space = search_spaces.parse_space(['a=1 2', '--b=x 0,0.5'])
  assert search_spaces.grid(space) == [
      {'a': '1', 'b': 'x'},
      {'a': '1', 'b': '0,0.5'},
      {'a': '2', 'b': 'x'},
      {'a': '2', 'b': '0,0.5'},
  ]


def test_ranges_are_read():
  space = search_spaces.parse_space(['a=1..8', 'b=log 1e-4..1e-2', 'c=0.5..2'])
  assert space == {
      'a': search_spaces.Range(1, 8, False, True),
      'b': search_spaces.Range(1e-4, 1e-2, True, False),
      'c': search_spaces.Range(0.5, 2.0, False, False),
  }
  with pytest.raises(ValueError, match='a, b, c has a range, and a grid'):
    search_spaces.grid(space)


@pytest.mark.parametrize(
    'texts, said',
    [
        (['a'], "search: got 'a', want 'name=1 2 3'"),
        (['a='], "got 'a=', want"),
        (['a b=1'], "got 'a b=1', want"),
        (['a=1', 'a=2'], 'got a twice'),
        (['a=1 1'], "got a value twice in 'a=1 1'"),
        (['a=2..1'], "got 'a=2..1', want a range"),
        (['a=log 0..1'], 'with ends above 0'),
        (['a=log 1'], 'want a range'),
        (['a=1..x'], 'want a range'),
        (['a=1..2 3'], 'want a range'),
    ],
)
def test_what_cannot_be_read_is_one_sentence(texts, said):
  with pytest.raises(ValueError, match=said.replace('(', r'\(')):
    search_spaces.parse_space(texts)


def test_the_best_setting_comes_first(make, tmp_path):
  seen = []
  search = make(['width=2 7 4'], num_parallel=2)
  search.run(lambda trials: seen.append(len(trials)))
  trials = search.trials()
  assert [trial.params for trial in trials] == [
      {'width': '7'},
      {'width': '4'},
      {'width': '2'},
  ]
  assert [trial.scores for trial in trials] == [[0.7] * 2, [0.4] * 2, [0.2] * 2]
  assert {trial.state for trial in trials} == {'finished'}
  assert len(made(tmp_path)) == 6 and seen[-1] == 3
  search.check()


def test_the_same_command_makes_only_what_is_missing(make, tmp_path):
  make(['width=2 7'], fails='7').run(ignore)
  assert [t.state for t in make(['width=2 7']).trials()] == [
      'finished',
      'failed',
  ]
  before = made(tmp_path)
  search = make(['width=2 7'])
  search.run(ignore)
  assert set(made(tmp_path)[len(before) :]) == {
      'runs/width=7/seed100',
      'runs/width=7/seed101',
  }
  assert [trial.state for trial in search.trials()] == ['finished'] * 2


def test_a_failure_is_said_at_the_end(make):
  search = make(['width=2 7'], fails='2')
  search.run(ignore)
  with pytest.raises(jobs.RunsFailed, match='runs/width=2/seed100 failed'):
    search.check()


def test_what_falls_behind_is_stopped(make, monkeypatch):
  monkeypatch.setattr(searches, '_STARTUP_TRIALS', 2)
  search = make(['width=8 9 1'], pause=4, prune=True)
  search.run(ignore)
  assert [(t.params['width'], t.state) for t in search.trials()] == [
      ('9', 'finished'),
      ('8', 'finished'),
      ('1', 'stopped'),
  ]
  search.check()  # It is no failure.


def test_settings_are_drawn_from_a_range(make, tmp_path):
  search = make(['width=log 5.0..9.0'], sampler='random', seeds=(100,))
  search.run(ignore)
  widths = [float(trial.params['width']) for trial in search.trials()]
  assert len(set(widths)) == 5 and all(5 <= width <= 9 for width in widths)
  assert widths == sorted(widths, reverse=True)
  more = make(['width=log 5.0..9.0'], sampler='tpe', seeds=(100,), num_trials=6)
  more.run(ignore)
  assert len(made(tmp_path)) == 6


def test_a_setting_that_is_drawn_again_is_not_made_again(make, tmp_path):
  search = make(['width=8..9'], sampler='random', seeds=(100,), num_trials=6)
  search.run(ignore)
  assert len(made(tmp_path)) == 2
  assert {trial.state for trial in search.trials()} == {'finished'}
  search.check()


def test_another_sweep_in_the_directory_is_refused(make):
  make(['width=2 7']).run(ignore)
  with pytest.raises(ValueError, match='a sweep with other space; want'):
    make(['width=2 8'])
  with pytest.raises(ValueError, match='a sweep with other num_env_steps'):
    make(['width=2 7'], num_env_steps=60)


def test_runs_with_other_flags_are_refused_and_none_is_made(make, tmp_path):
  make(['width=2 7']).run(ignore)
  before = made(tmp_path)
  search = make(['width=2 7'], flags=('--kl_cost=1',))
  with pytest.raises(ValueError, match='other flags, .*--kl_cost=1; want'):
    search.run(ignore)
  assert made(tmp_path) == before


def test_a_run_that_fails_while_it_is_behind_has_failed(make, monkeypatch):
  monkeypatch.setattr(searches, '_STARTUP_TRIALS', 2)
  monkeypatch.setattr(jobs, '_POLL_S', 30.0)  # It ends before a look at it.
  search = make(['width=8 9 1'], dies='1', prune=True)
  search.run(ignore)
  assert search.trials()[-1].state == 'failed'
  with pytest.raises(jobs.RunsFailed, match='width=1/seed100 failed'):
    search.check()


def test_table_and_picture_show_every_setting(make, tmp_path):
  search = make(['width=2 7'])
  search.run(lambda trials: sweep_results.write(tmp_path, search.sweep, trials))
  table = (tmp_path / 'sweep.csv').read_text().splitlines()
  assert table == [
      'state,width,seeds,env_steps,success,half_interval',
      'finished,7,2,30,0.7,0.0',
      'finished,2,2,30,0.2,0.0',
  ]
  assert (tmp_path / 'sweep.png').read_bytes().startswith(b'\x89PNG')
  runs = json.loads((tmp_path / 'versions.json').read_text())['runs']
  assert isinstance(runs, dict)
