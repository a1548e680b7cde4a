"""Runs the launchers by one command.

  distillery train distral --flagfile=launchers/flags/distral_mt10.cfg
  distillery evaluate --run_dir=runs/X
  distillery list

The command is the launcher of that name: `distillery train distral` is
`python -m distillery.launchers.run_distral`, with the same flags.
"""

import difflib
import os
import pathlib
import signal
import sys
from typing import Dict, List, NoReturn

from distillery import agents as agent_folders

_FOLDER = pathlib.Path(__file__).parent
_FLAGS = _FOLDER / 'flags'
_AGENTS = pathlib.Path(agent_folders.__path__[0])
_PREFIX = 'run_'
_HELP = ('help', '--help', '-h')
_TOOLS = (
    'adapt',
    'ablate',
    'compare',
    'evaluate',
    'plot',
    'record',
    'sweep',
)


def agents() -> Dict[str, str]:
  """Returns the module of each agent's launcher, by the agent's name."""
  return {
      path.stem.removeprefix(_PREFIX): path.stem
      for path in sorted(_FOLDER.glob(f'{_PREFIX}*.py'))
      if (_AGENTS / path.stem.removeprefix(_PREFIX)).is_dir()
  }


def main() -> None:
  """Replaces this program by the launcher; the entry point `distillery`."""
  signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # As for `| head`.
  arguments = sys.argv[1:]
  if not arguments or arguments[0] in _HELP:
    print(_usage())
    return
  command, *rest = arguments
  if command == 'list':
    print(_listing())
  elif command == 'train':
    if not rest or rest[0] in _HELP:
      print(f'distillery train AGENT ..., with one of {", ".join(agents())}')
      return
    name = rest[0]
    if name not in agents():
      _fail('train', name, agents())
    _run(agents()[name], rest[1:])
  elif command in _TOOLS:
    _run(command, rest)
  else:
    _fail('', command, {name: name for name in ('train', 'list', *_TOOLS)})


def _run(module: str, arguments: List[str]) -> NoReturn:
  """Executes a launcher in place of this program."""
  # Not called from here: the launcher is the main module, which worker
  # processes import, and signals go to it.
  os.execv(
      sys.executable,
      [sys.executable, '-m', f'distillery.launchers.{module}', *arguments],
  )


def _fail(command: str, got: str, known: Dict[str, str]) -> NoReturn:
  where = f'distillery {command}'.strip()
  near = difflib.get_close_matches(got, known, n=1, cutoff=0.5)
  hint = f' Did you mean {near[0]}?' if near else ''
  print(
      f'error: {where}: got {got!r}, want one of {", ".join(known)}.{hint}',
      file=sys.stderr,
  )
  sys.exit(1)


def _usage() -> str:
  return '\n'.join(
      [
          'distillery train AGENT --flag=value ...',
          *(f'distillery {tool} ...' for tool in _TOOLS),
          'distillery list          agents, suites and flagfiles',
          '',
          'Each takes --help.',
      ]
  )


def _listing() -> str:
  """Returns the agents, suites and flagfiles."""
  from distillery.environments import suites

  names = [name for name in suites.suite_names() if '/' not in name]
  flagfiles = [str(path) for path in sorted(_FLAGS.glob('*.cfg'))]
  return '\n'.join(
      [
          f'agents: {", ".join(agents())}',
          f'suites: {", ".join(names)}, MT1/<task>, ML1/<task>, MT/<tasks>, '
          'ML/<train tasks>/<test tasks>, my_module:my_suite',
          'flagfiles:',
          *(f'  {path}' for path in flagfiles),
      ]
  )


if __name__ == '__main__':
  main()
