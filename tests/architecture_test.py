"""The rules of the house, read off the source: imports, sizes, docs, flags."""

import ast
import dataclasses
import functools
import graphlib
import pathlib
import subprocess
import sys
from typing import Iterator, List, Tuple

from absl import flags
from distillery.launchers.common import flag_utils
from helpers import configs
from metaworld import sawyer_xyz_env
import mujoco
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = (
    'ops',
    'networks',
    'environments',
    'distributed',
    'agents',
    'launchers',
)
AGENTS = sorted(configs.CONFIGS)

# The modules that a folder may import beside the standard library. The order
# of the design: ops <- networks <- agents <- launchers, never back; agents take
# environments and distributed programs as they are.
_TENSORFLOW = ('numpy', 'tensorflow', 'tensorflow_probability')
ALLOWED_IMPORTS = {
    'ops/': (*_TENSORFLOW, 'distillery.ops'),
    # Worker processes import it, and nothing else of ours to act with.
    'networks/acting/': ('numpy', 'distillery.networks.acting'),
    'networks/': (
        *_TENSORFLOW,
        'sonnet',
        'dm_env',
        'distillery.ops',
        'distillery.networks',
    ),
    'environments/': (
        'numpy',
        'scipy',
        'dm_env',
        'gymnasium',
        'metaworld',
        'mujoco',
        'labmaze',
        'PIL',
        'distillery.environments',
    ),
    'distributed/': (
        'absl',
        'tree',
        'reverb',
        'ray',
        'launchpad',
        'gym_notices',
        'distillery.distributed',
    ),
    'agents/': (
        *_TENSORFLOW,
        'sonnet',
        'dm_env',
        'tree',
        'acme',
        'reverb',
        'absl',
        'rich',
        'matplotlib',
        'PIL',
        'imageio_ffmpeg',
        'packaging',
        *(f'distillery.{folder}' for folder in FOLDERS[:-1]),
    ),
}

MAX_FILES = 20  # in a folder, of one subject
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60  # its docstring and its signature apart
# The limit for a learner's `_step`, and for the `_update` that a step repeats:
# they are read from top to bottom.
MAX_STEP_LINES = 80
# Longer, each for a reason: path, or path and name of the function.
LONGER = {}

# Methods whose documentation is where they come from: dm_env, acme, absl, and
# the classes that the quick simulators derive from.
INHERITED = {
    'reset',
    'step',
    'reward_spec',
    'discount_spec',
    'observation_spec',
    'action_spec',
    'close',
    'select_action',
    'observe_first',
    'observe',
    'update',
    'run',
    'get_variables',
    'parse',
    'convert',
    'serialize',
    'flag_type',
    *dir(mujoco.MjData),
    *dir(sawyer_xyz_env.SawyerXYZEnv),
}


def python_files(*folders: str) -> Iterator[pathlib.Path]:
  for folder in folders:
    yield from sorted((ROOT / folder).rglob('*.py'))


def name_of(path: pathlib.Path) -> str:
  return path.relative_to(ROOT).as_posix()


def dotted(path: pathlib.Path) -> str:
  """The name that a module is imported by."""
  parts = ('distillery', *path.relative_to(ROOT).with_suffix('').parts)
  return '.'.join(parts).removesuffix('.__init__')


@functools.cache
def parsed(path: pathlib.Path) -> ast.Module:
  return ast.parse(path.read_text(encoding='utf-8'), filename=name_of(path))


def imports(path: pathlib.Path) -> List[Tuple[int, str, str]]:
  """Line, module, and name imported from it, wherever in the file."""
  found = []
  for node in ast.walk(parsed(path)):
    if isinstance(node, ast.Import):
      found.extend((node.lineno, alias.name, '') for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      module = '.' * node.level + (node.module or '')
      found.extend((node.lineno, module, alias.name) for alias in node.names)
  return found


def is_within(module: str, package: str) -> bool:
  return module == package or module.startswith(package + '.')


def test_imports_follow_the_arrows():
  offences = []
  for path in python_files(
      'ops', 'networks', 'environments', 'distributed', 'agents'
  ):
    allowed = next(
        modules
        for prefix, modules in ALLOWED_IMPORTS.items()
        if name_of(path).startswith(prefix)
    )
    for line, module, name in imports(path):
      full = f'{module}.{name}' if module.startswith('distillery') else module
      if module.split('.')[0] not in sys.stdlib_module_names and not any(
          is_within(full, package) for package in allowed
      ):
        offences.append(f'{name_of(path)}:{line} imports {full}')
  assert not offences


def test_one_agent_never_imports_another():
  offences = []
  for agent in AGENTS:
    others = [f'distillery.agents.{o}' for o in AGENTS if o != agent]
    for path in python_files(f'agents/{agent}', 'agents/core'):
      for line, module, name in imports(path):
        if any(is_within(f'{module}.{name}', other) for other in others):
          offences.append(f'{name_of(path)}:{line} imports {module}.{name}')
  assert not offences


def test_imports_are_of_distillery_and_of_modules():
  """A bare `import agents` would make a second copy of every module."""
  offences = []
  for path in python_files(*FOLDERS, 'benchmarks', 'tests'):
    for line, module, name in imports(path):
      where = f'{name_of(path)}:{line}'
      if module.split('.')[0] in FOLDERS or module.startswith('.'):
        offences.append(f'{where} imports {module}, not distillery.{module}')
      elif is_within(module, 'distillery') and name:
        target = ROOT.joinpath(*module.split('.')[1:], name)
        if not (target.is_dir() or target.with_suffix('.py').is_file()):
          offences.append(f'{where} imports the name {name}, not its module')
  assert not offences


def test_nothing_that_only_steps_environments_loads_tensorflow():
  """Nor does what has to answer a misspelt flag."""
  light = [
      'distillery.launchers.common.flag_utils',
      *(f'distillery.agents.{agent}.config' for agent in AGENTS),
  ]
  for path in python_files(*FOLDERS):
    is_package = path.name == '__init__.py' and path.parent.name not in AGENTS
    if is_package or path.is_relative_to(ROOT / 'environments'):
      light.append(dotted(path))
  program = (
      'import importlib, sys\n'
      f'for name in {light!r}:\n'
      '  importlib.import_module(name)\n'
      "  heavy = {'tensorflow', 'acme', 'reverb', 'jax'} & set(sys.modules)\n"
      "  assert not heavy, f'{name} loads {heavy}'\n"
  )
  result = subprocess.run(
      [sys.executable, '-c', program],
      capture_output=True,
      text=True,
      timeout=100,
  )
  assert result.returncode == 0, result.stderr


def circle_of(sorter: graphlib.TopologicalSorter) -> List[str]:
  """Returns the nodes of a circle; the list is empty if there is none."""
  try:
    sorter.prepare()
  except graphlib.CycleError as error:
    return error.args[1]
  return []


def test_no_module_imports_itself_by_way_of_others():
  modules = {dotted(path): path for path in python_files(*FOLDERS)}
  sorter = graphlib.TopologicalSorter()
  for name, path in modules.items():
    found = {
        full if (full := f'{module}.{imported}') in modules else module
        for _, module, imported in imports(path)
    }
    assert name not in found, f'{name} imports itself'
    sorter.add(name, *(found & modules.keys()))
  assert not circle_of(sorter)


def test_folders_import_one_another_in_one_direction():
  """Else a folder cannot be read, or taken away, without those above it."""
  modules = {dotted(path): path.parent for path in python_files(*FOLDERS)}
  sorter = graphlib.TopologicalSorter()
  for path in python_files(*FOLDERS):
    for _, module, imported in imports(path):
      full = f'{module}.{imported}'
      target = modules.get(full if full in modules else module)
      if target not in (None, path.parent):
        sorter.add(name_of(path.parent), name_of(target))
  assert not circle_of(sorter)


def test_a_folder_holds_few_files():
  for folder in {path.parent for path in python_files(*FOLDERS, 'benchmarks')}:
    assert len(list(folder.glob('*.py'))) <= MAX_FILES, folder


def code_lines(node: ast.FunctionDef) -> int:
  """Lines of a function, its signature and its docstring apart."""
  body = node.body[1:] if ast.get_docstring(node) else node.body
  return node.end_lineno - body[0].lineno + 1 if body else 0


def functions(path: pathlib.Path) -> Iterator[ast.FunctionDef]:
  for node in ast.walk(parsed(path)):
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
      yield node


def test_functions_and_files_are_short():
  offences, used = [], set()
  for path in python_files(*FOLDERS, 'benchmarks'):
    lengths = {
        (name_of(path),): (len(path.read_text().splitlines()), MAX_FILE_LINES)
    }
    for node in functions(path):
      is_step = node.name in ('_step', '_update')
      limit = MAX_STEP_LINES if is_step else MAX_FUNCTION_LINES
      length = code_lines(node)
      lengths[name_of(path), node.name] = (length, limit)
    for key, (length, limit) in lengths.items():
      if length > limit and key in LONGER:
        used.add(key)
      elif length > limit:
        offences.append(f'{" ".join(key)}: {length} lines, want <= {limit}')
  assert not offences
  assert set(LONGER) == used, 'exceptions that nothing needs any longer'


def test_public_names_have_docstrings():
  documented, undocumented = set(INHERITED), []
  for path in python_files(*FOLDERS, 'benchmarks'):
    if not ast.get_docstring(parsed(path)) and path.read_text().strip():
      undocumented.append((None, f'{name_of(path)} itself'))
    for owner in ast.walk(parsed(path)):
      if not isinstance(owner, (ast.Module, ast.ClassDef)):
        continue
      if getattr(owner, 'name', '').startswith('_'):
        continue
      for node in owner.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
          continue
        if ast.get_docstring(node):
          documented.add(node.name)
        elif not node.name.startswith('_') and node.name != 'main':
          inherits = isinstance(owner, ast.ClassDef) and owner.bases
          undocumented.append(
              (
                  node.name if inherits else None,
                  f'{name_of(path)}:{node.lineno} {node.name}',
              )
          )
  # A method of a subclass may be documented where it was first declared.
  assert not [text for name, text in undocumented if name not in documented]


def test_every_config_field_is_read():
  """A field which nothing reads is a flag that does nothing."""
  read = {'config': set(), 'run': set()}
  for path in python_files('agents', 'launchers'):
    if path.stem in ('config', 'run_options'):
      continue
    for node in ast.walk(parsed(path)):
      if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        holder = ast.unparse(node.value).split('.')[-1].strip('_')
        for suffix, fields in read.items():
          if holder.endswith(suffix):
            fields.add(node.attr)
  dead = []
  for agent in AGENTS:
    dead.extend(
        f'{agent}: {field.name}'
        for field in dataclasses.fields(configs.CONFIGS[agent])
        if field.name not in read['config']
    )
  dead.extend(
      f'run: {field.name}'
      for field in dataclasses.fields(flag_utils.RunOptions)
      if field.name not in read['run']
  )
  assert not dead


def options_of_its_own(launcher: pathlib.Path) -> Iterator[str]:
  """Fields of the dataclasses that a launcher makes flags of by itself."""
  for node in ast.walk(parsed(launcher)):
    if isinstance(node, ast.ClassDef):
      yield from (
          field.target.id
          for field in node.body
          if isinstance(field, ast.AnnAssign)
      )


@pytest.mark.parametrize(
    'path', sorted(ROOT.glob('launchers/flags/*.cfg')), ids=lambda p: p.stem
)
def test_flagfiles_hold_flags_that_exist(path):
  agent = max((a for a in AGENTS if path.stem.startswith(f'{a}_')), key=len)
  flag_values = flags.FlagValues()
  config = flag_utils.define(configs.CONFIGS[agent], flag_values)
  run = flag_utils.define(flag_utils.RunOptions, flag_values)
  for name in options_of_its_own(ROOT / 'launchers' / f'run_{agent}.py'):
    flags.DEFINE_string(name, None, 'any', flag_values=flag_values)
  assert not flag_values(['launcher', f'--flagfile={path}'])[1:]
  assert config.value() and run.value()


def test_nothing_read_back_can_run_code():
  offences = []
  for path in python_files(*FOLDERS):
    for line, module, name in imports(path):
      if module in ('cloudpickle', 'dill', 'joblib', 'shelve', 'marshal') or (
          module == 'pickle' and name
      ):
        offences.append(f'{name_of(path)}:{line} imports {module}')
    for node in ast.walk(parsed(path)):
      if not isinstance(node, ast.Call):
        continue
      called = ast.unparse(node.func)
      if called in ('pickle.load', 'pickle.Unpickler', 'eval', 'exec') or any(
          keyword.arg == 'allow_pickle'
          and ast.unparse(keyword.value) != 'False'
          for keyword in node.keywords
      ):
        offences.append(f'{name_of(path)}:{node.lineno} calls {called}')
  assert not offences


def test_errors_are_raised_and_not_asserted():
  """`python -O` drops assertions, and their messages say too little."""
  assert not [
      f'{name_of(path)}:{node.lineno}'
      for path in python_files(*FOLDERS)
      for node in ast.walk(parsed(path))
      if isinstance(node, ast.Assert)
  ]


def test_no_path_of_a_machine_and_no_unfinished_business():
  # Put together here, or this file would be its own offender.
  words = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX']
  words += [f'/{top}/' for top in ('ro' + 'ot', 'ho' + 'me', 'wo' + 'rk')]
  offences = []
  for path in sorted(ROOT.rglob('*')):
    parts = path.relative_to(ROOT).parts
    hidden = any(part.startswith('.') and part != '.ci' for part in parts)
    if hidden or parts[0] in ('runs', 'build', 'dist') or not path.is_file():
      continue
    if path.suffix in (
        '.py',
        '.md',
        '.cfg',
        '.toml',
        '.txt',
        '.json',
        '.csv',
        '',
    ):
      text = path.read_text(encoding='utf-8')
      offences.extend(
          f'{name_of(path)}: {word}' for word in words if word in text
      )
  assert not offences
