"""Flags from dataclasses: what they accept, refuse, and write back."""

import ast
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
from typing import Dict, Literal, Tuple

from absl import flags
from distillery.agents.core import config_fields
from distillery.launchers.common import flag_utils
from helpers import configs
import pytest


@dataclasses.dataclass(frozen=True)
class Config:
  """An example."""

  num_steps: int = config_fields.field(
      10, 'The steps of all tasks.', config_fields.POSITIVE
  )
  rate: float = config_fields.field(1, 'The learning rate.')
  fast: bool = config_fields.field(True, 'Whether to hurry.')
  name: str = config_fields.field('', 'The name.')
  kind: Literal['one', 'two'] = config_fields.field('one', 'The kind.')
  sizes: Tuple[int, ...] = config_fields.field((128, 64), 'The sizes.')
  colors: Tuple[float, ...] = config_fields.field((), 'The colors.')

  def __post_init__(self):
    config_fields.check_fields(self)


def parse(*arguments):
  flag_values = flags.FlagValues()
  holder = flag_utils.define(Config, flag_values)
  flag_values(['program', *arguments])
  return holder.value()


def test_defaults_are_the_dataclass_own():
  assert parse() == Config()


def test_every_type_is_read():
  assert parse(
      '--num_steps=5_000',
      '--rate=3e-4',
      '--nofast',
      '--name=a b',
      '--kind=two',
      '--sizes=7,8,9',
      '--colors=0,0.5',
  ) == Config(5000, 3e-4, False, 'a b', 'two', (7, 8, 9), (0.0, 0.5))
  assert parse('--sizes=').sizes == ()


@pytest.mark.parametrize(
    'argument, says',
    [
        ('--num_steps=1e-3', 'num_steps'),
        ('--rate=nan', 'finite'),
        ('--rate=1e400', 'finite'),
        ('--rate=-inf', 'finite'),
        ('--rate=fast', 'rate'),
        ('--kind=three', 'should be one of'),
        ('--sizes=1,b', '128,128'),
        ('--sizes=1.5', '128,128'),
        ('--colors=0,b', 'numbers with commas between them, such as 0,0.5'),
        ('--nmu_steps=1', 'num_steps'),
    ],
)
def test_bad_values_are_refused(argument, says):
  with pytest.raises(flags.Error, match=says):
    parse(argument)


def test_checks_of_the_dataclass_are_made():
  with pytest.raises(ValueError, match='num_steps must be positive'):
    parse('--num_steps=0')


def test_help_comes_from_the_fields():
  flag_values = flags.FlagValues()
  flag_utils.define(Config, flag_values)
  assert flag_values['num_steps'].help == 'The steps of all tasks.'
  assert flag_values['kind'].help.endswith('The kind.')
  assert set(flag_values) == {f.name for f in dataclasses.fields(Config)}


@dataclasses.dataclass(frozen=True)
class Derived(Config):
  """Another example, which has what `Config` has."""

  rate: float = config_fields.field(2.0, 'The rate of the derived class.')
  more: int = config_fields.field(1, 'One more number.')


def test_a_derived_dataclass_has_the_flags_of_both():
  flag_values = flags.FlagValues()
  holder = flag_utils.define(Derived, flag_values)
  flag_values(['program', '--more=3', '--num_steps=7'])
  assert holder.value() == Derived(num_steps=7, more=3, rate=2.0)
  assert flag_values['num_steps'].help == 'The steps of all tasks.'
  assert flag_values['more'].help == 'One more number.'
  assert flag_values['rate'].help == 'The rate of the derived class.'
  with pytest.raises(ValueError, match='num_steps must be positive'):
    Derived(num_steps=0)


@pytest.mark.parametrize('agent', configs.CONFIGS)
def test_a_launcher_shows_the_help_of_its_agent(agent):
  launchers = pathlib.Path(flag_utils.__file__).parents[1]
  result = subprocess.run(
      [sys.executable, launchers / f'run_{agent}.py', '--help'],
      capture_output=True,
      text=True,
      timeout=60,
  )
  shown = ''.join(result.stdout.split())  # absl breaks lines, at hyphens too.
  for field in dataclasses.fields(configs.CONFIGS[agent]):
    assert ''.join(field.metadata['help'].split()) in shown, field.name


@dataclasses.dataclass(frozen=True)
class Paths:
  """An example."""

  one: str = config_fields.field('~/x', 'A path.', is_path=True)
  some: str = config_fields.field('', 'Paths.', is_path=True)
  name: str = config_fields.field('~', 'No path.')


def test_a_path_may_begin_with_a_home(monkeypatch, tmp_path):
  monkeypatch.setenv('HOME', '/my/place')
  flag_values = flags.FlagValues()
  holder = flag_utils.define(Paths, flag_values)
  flag_values(['program', '--some=~/a,b/~,~/c'])
  assert holder.value() == Paths(
      '/my/place/x', '/my/place/a,b/~,/my/place/c', '~'
  )
  path = tmp_path / 'flags.cfg'
  flag_utils.flags_to_file(path, holder.value())
  assert path.read_text().startswith('--one=/my/place/x\n')
  with pytest.raises(flags.Error, match="there is no such user; want './~nob"):
    flag_values(['program', '--one=~nobody.here/x'])


def test_every_flag_that_is_a_path_says_so():
  launchers = pathlib.Path(flag_utils.__file__).parents[1]
  others = set()
  for pattern in ('launchers/**/*.py', 'benchmarks/*.py'):
    for path in launchers.parent.glob(pattern):
      text = path.read_text()
      others.update(re.findall(r"DEFINE_string\(\s*'(\w+)", text))
      others.update(
          node.target.id
          for node in ast.walk(ast.parse(text))
          if isinstance(node, ast.AnnAssign)
          and ast.unparse(node.annotation) == 'str'
          and isinstance(node.value, ast.Call)
          and ast.unparse(node.value.func) == 'config_fields.field'
          and 'is_path' not in [word.arg for word in node.value.keywords]
      )
  others |= {
      field.name
      for config in configs.CONFIGS.values()
      for field in dataclasses.fields(config)
      if field.type is str and not field.metadata['is_path']
  }
  assert others == {
      'suite',
      'ray_address',
      'initial_task',
      'tasks',
      'run_flags',
  }


@pytest.mark.parametrize(
    'field, says',
    [
        (('x', int), 'want a field made by config_fields.field'),
        (('x', int, 1), 'want a field made by config_fields.field'),
        (
            ('x', Dict[str, int], config_fields.field(None, 'A mapping.')),
            'the type',
        ),
    ],
)
def test_a_field_no_flag_can_stand_for_is_refused(field, says):
  config = dataclasses.make_dataclass('Odd', [field])
  with pytest.raises(TypeError, match=f'Odd.x: .*{says}'):
    flag_utils.define(config, flags.FlagValues())


def test_two_dataclasses_may_not_claim_one_flag():
  flag_values = flags.FlagValues()
  flag_utils.define(Config, flag_values)
  other = dataclasses.make_dataclass(
      'Other', [('rate', float, config_fields.field(1.0, 'A rate.'))]
  )
  with pytest.raises(flags.DuplicateFlagError):
    flag_utils.define(other, flag_values)


@pytest.mark.parametrize(
    'config',
    [
        Config(),
        Config(7, 0.1 + 0.2, False, 'with spaces, = and "quotes"', 'two', ()),
    ],
)
def test_a_written_flagfile_repeats_the_run(config, tmp_path):
  path = tmp_path / 'flags.cfg'
  flag_utils.flags_to_file(path, config)
  assert parse(f'--flagfile={path}') == config
  # The last setting wins.
  assert parse(f'--flagfile={path}', '--num_steps=3').num_steps == 3


def test_flags_that_do_not_repeat_a_run_are_not_written(tmp_path):
  path = tmp_path / 'flags.cfg'
  flag_utils.flags_to_file(
      path, flag_utils.RunOptions(run_dir='a', resume=True)
  )
  assert '--run_dir=a\n' in path.read_text()
  assert 'resume' not in path.read_text()


_PROGRAM = """
import json
import logging
import signal
import sys
signal.signal(signal.SIGINT, {handler})
from distillery.launchers.common import flag_utils
_RUN = flag_utils.define(flag_utils.RunOptions)

class Trouble(RuntimeError):
  pass

def main(_):
  run = _RUN.value()
  assert 'tensorflow' not in sys.modules
  if run.suite == 'trouble':
    raise Trouble('task a: it\\nbroke\\n\\nTraceback of the worker')
  if run.suite == 'file':
    open('/no/such/file')
  if run.suite == 'defect':
    json.loads('{')
  if run.suite == 'ctrl-c':
    signal.raise_signal(signal.SIGINT)
  if run.suite == 'ctrl-c in native code':
    try:
      signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
      raise TypeError
  logging.getLogger('matplotlib').info('chatter')
  print('seed', run.seed)

if __name__ == '__main__':
  flag_utils.run(main, errors=(Trouble,))
"""


def run_program(tmp_path, *arguments, handler='signal.default_int_handler'):
  path = tmp_path / 'program.py'
  path.write_text(_PROGRAM.replace('{handler}', handler))
  return subprocess.run(
      [sys.executable, path, *arguments],
      capture_output=True,
      text=True,
      timeout=60,
  )


@pytest.mark.parametrize(
    'arguments, says',
    [
        (['--sede=1'], "Unknown command line flag 'sede'. Did you mean: seed"),
        (['--num_env_steps=-1'], 'num_env_steps must be positive, got -1.'),
        (['--seed=-1'], 'seed must be in [0, 2**32), got -1.'),
        (['--seed'], 'Missing value for flag --seed'),
        (['--resume'], 'want the directory of the run to resume'),
        (['--reward_function_version=v3'], 'should be one of <v1|v2>'),
        (['--flagfile=/no/such.cfg'], '/no/such.cfg'),
        (['stray'], "unexpected argument 'stray'"),
        (['--suite=trouble'], 'task a: it broke'),
        (['--suite=file'], '/no/such/file'),
    ],
)
def test_a_mistake_prints_one_sentence_and_exits_with_1(
    arguments, says, tmp_path
):
  result = run_program(tmp_path, *arguments)
  *details, sentence = result.stderr.strip().split('\n')
  assert result.returncode == 1
  assert sentence.startswith('error: ') and says in sentence
  assert details == (
      ['Traceback of the worker'] if 'trouble' in arguments[0] else []
  )
  assert result.stdout == ''


def test_a_defect_keeps_its_traceback(tmp_path):
  result = run_program(tmp_path, '--suite=defect')
  assert result.returncode == 1
  assert 'Traceback' in result.stderr and 'JSONDecodeError' in result.stderr


@pytest.mark.parametrize('suite', ['ctrl-c', 'ctrl-c in native code'])
def test_ctrl_c_leaves_no_traceback(suite, tmp_path):
  result = run_program(tmp_path, f'--suite={suite}')
  assert result.returncode == 130
  assert result.stderr == 'stopped by Ctrl-C\n'


def test_ctrl_c_stays_ignored_in_the_background_of_a_shell(tmp_path):
  result = run_program(tmp_path, '--suite=ctrl-c', handler='signal.SIG_IGN')
  assert (result.returncode, result.stderr) == (0, '')


def test_logs_of_other_packages_are_shown_on_request(tmp_path):
  assert run_program(tmp_path).stderr == ''
  assert 'chatter' in run_program(tmp_path, '--verbosity=0').stderr


@pytest.mark.parametrize('number, steps', [('3e5', 300_000), ('2.5E1', 25)])
def test_whole_numbers_may_have_an_exponent(number, steps):
  flag_values = flags.FlagValues()
  holder = flag_utils.define(Config, flag_values)
  flag_values(['program', f'--num_steps={number}'])
  assert holder.value().num_steps == steps


@pytest.mark.parametrize('number', ['1.5e0', '1e', '1e999', '1.5', 'e'])
def test_other_numbers_are_no_whole_numbers(number):
  flag_values = flags.FlagValues()
  flag_utils.define(Config, flag_values)
  with pytest.raises(flags.Error, match='--num_steps.*want a whole number'):
    flag_values(['program', f'--num_steps={number}'])


def test_flags_reach_main_and_help_lists_them(tmp_path):
  result = run_program(tmp_path, '--seed=3')
  assert (result.returncode, result.stdout) == (0, 'seed 3\n')
  result = run_program(tmp_path, '--help')
  assert (result.returncode, result.stderr) == (0, '')
  assert '  --num_env_steps=5000000\n' in result.stdout
  assert '  --[no]resume  (default: false)\n' in result.stdout


def test_a_name_that_the_terminal_cannot_show_ends_nothing(tmp_path):
  path = tmp_path / 'program.py'
  path.write_text(
      'from distillery.launchers.common import flag_utils\n'
      'def main(_):\n'
      '  print("\\u00fc \\udcff")\n'
      'flag_utils.run(main)\n'
  )
  result = subprocess.run(
      [sys.executable, path],
      capture_output=True,
      text=True,
      timeout=60,
      env={**os.environ, 'PYTHONIOENCODING': 'ascii'},
  )
  assert (result.returncode, result.stderr) == (0, '')
  assert result.stdout == '\\xfc \\udcff\n'


def test_a_flagfile_that_is_no_text_is_one_sentence(tmp_path):
  (tmp_path / 'flags.cfg').write_bytes(b'--seed=\xff\n')
  result = run_program(tmp_path, f'--flagfile={tmp_path}/flags.cfg')
  assert result.returncode == 1
  assert result.stderr.startswith('error: ') and result.stderr.count('\n') == 1


@pytest.mark.parametrize('name', ['a\nb', 'a\r', 'a ', 'a\udcff'])
def test_values_that_a_flagfile_cannot_hold_are_refused(tmp_path, name):
  with pytest.raises(ValueError, match='run_dir: got .*cannot be written to a'):
    flag_utils.flags_to_file(
        tmp_path / 'flags.cfg', flag_utils.RunOptions(run_dir=name)
    )
  assert not (tmp_path / 'flags.cfg').exists()


@pytest.mark.parametrize('name', ['$1', '_a', '#a', '\u00fc', 'a b', '%d,"x"'])
def test_names_come_back_from_a_flagfile(tmp_path, name):
  path = tmp_path / 'flags.cfg'
  flag_utils.flags_to_file(path, flag_utils.RunOptions(run_dir=name))
  flag_values = flags.FlagValues()
  options = flag_utils.define(flag_utils.RunOptions, flag_values)
  flag_values(['launcher', f'--flagfile={path}'])
  assert options.value().run_dir == name


def test_a_run_is_resumed_with_its_flags(tmp_path):
  run_dir = tmp_path / 'run'
  run_dir.mkdir()
  (run_dir / 'flags.cfg').write_text('--seed=5\n--suite=x\n--run_dir=moved\n')
  arguments = [f'--run_dir={run_dir}', '--resume']
  assert run_program(tmp_path, *arguments).stdout == 'seed 5\n'
  # The command line is above the run's flags, also with a flagfile.
  assert run_program(tmp_path, *arguments, '--seed=6').stdout == 'seed 6\n'
  (tmp_path / 'other.cfg').write_text('--seed=7\n')
  flagfile = f'--flagfile={tmp_path / "other.cfg"}'
  assert run_program(tmp_path, *arguments, flagfile).stdout == 'seed 7\n'
  # Without --resume they are not read.
  assert run_program(tmp_path, arguments[0]).stdout == 'seed 0\n'
  (run_dir / 'flags.cfg').write_text('--kl_cost=5\n')
  result = run_program(tmp_path, *arguments)
  assert result.returncode == 1
  assert result.stderr == (
      f'error: cannot resume by the flags in {run_dir}/flags.cfg: Unknown '
      "command line flag 'kl_cost'; want the launcher that made this run.\n"
  )
