"""The command `distillery`, which runs the launchers."""

import subprocess
import sys

from distillery.launchers import command
from helpers import launches
import pytest


def run(*arguments):
  return subprocess.run(
      [sys.executable, '-m', 'distillery.launchers.command', *arguments],
      capture_output=True,
      text=True,
      timeout=100,
  )


def test_every_agent_can_be_trained():
  found = {path.stem for path in launches.FOLDER.glob('run_*.py')}
  assert set(command.agents().values()) == found - {'run_two_rooms'}
  assert len(command.agents()) > 7


def test_every_tool_is_a_launcher():
  tools = {
      path.stem
      for path in launches.FOLDER.glob('*.py')
      if not path.stem.startswith(('run_', 'study_', '_'))
  }
  assert {*command._TOOLS, 'command'} == tools


def test_a_launcher_takes_the_place_of_the_command():
  result = run('train', 'trpo', '--help')
  assert (result.returncode, result.stderr) == (0, '')
  assert '--max_kl=' in result.stdout and '--num_env_steps=' in result.stdout
  result = run('plot')
  assert (result.returncode, result.stdout) == (1, '')
  assert result.stderr == 'error: no RUN_DIR given; --help says more\n'


@pytest.mark.parametrize(
    'arguments, words',
    [
        (('trian',), "distillery: got 'trian', want one of train, .*train?"),
        (('train', 'sca'), "got 'sca', want one of .*Did you mean sac?"),
    ],
)
def test_a_misspelt_command_is_one_sentence(arguments, words):
  launches.assert_refused(run(*arguments), words)


def test_the_list_has_agents_suites_and_flagfiles():
  result = run('list')
  assert (result.returncode, result.stderr) == (0, '')
  for words in ('distral', 'MT10, MT25', 'my_module:my_suite', 'dnc_mt50.cfg'):
    assert words in result.stdout


@pytest.mark.parametrize('arguments', [('train',), ('train', '--help')])
def test_train_says_which_agents_there_are(arguments):
  result = run(*arguments)
  assert (result.returncode, result.stderr) == (0, '')
  assert result.stdout.startswith('distillery train AGENT ..., with one of a2c')


@pytest.mark.parametrize('arguments', [(), ('--help',), ('help',)])
def test_without_a_command_it_says_what_there_is(arguments):
  result = run(*arguments)
  assert (result.returncode, result.stderr) == (0, '')
  assert result.stdout.startswith('distillery train AGENT')
