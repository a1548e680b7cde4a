"""Provides what benchmarks share: figures, their table and their CSV file."""

import csv
import os
import pathlib
import time
from typing import Callable, Dict, List, NamedTuple, Sequence, Set

from distillery.agents.core import config_fields
from distillery.agents.core.run_files import run_directory
from distillery.launchers.common import run_options
import numpy as np


def output_field(name: str) -> str:
  """Returns the option of the file for the figures of a benchmark."""
  return config_fields.field(
      f'results/bench/{name}.csv', 'The CSV file to write.', is_path=True
  )


class Figure(NamedTuple):
  """A figure, which is measured once in each repetition."""

  name: str
  unit: str
  values: Sequence[float]  # One value for each repetition.

  def text(self) -> str:
    """Returns the figure as `median [least-greatest] unit`."""
    low, middle, high = (
        _rounded(f(self.values)) for f in (np.min, np.median, np.max)
    )
    spread = f' [{low}-{high}]' if len(self.values) > 1 else ''
    return f'{middle}{spread} {self.unit}'


def ratio(name: str, above: Figure, below: Figure) -> Figure:
  """Returns the ratio of two figures, repetition by repetition.

  The two values of a repetition were measured one after the other, so that
  other work of the machine slows down both.

  Args:
    name: the name of the ratio.
    above: the numerator.
    below: the denominator.
  """
  return Figure(name, 'x', [a / b for a, b in zip(above.values, below.values)])


def rates(
    steps: Dict[str, Callable[[], None]],
    amounts: Dict[str, float],
    unit: str,
    repetitions: int,
) -> List[Figure]:
  """Measures several functions, one after the other in each repetition.

  Args:
    steps: the functions by name.
    amounts: what one call of each function does, in units.
    unit: the unit of the results, such as 'updates/s'.
    repetitions: how often each function is measured.

  Returns:
    The amount a second of each function.
  """
  for step in steps.values():  # The first call compiles and allocates memory.
    step()
  values: Dict[str, List[float]] = {name: [] for name in steps}
  for _ in range(repetitions):
    for name, step in steps.items():
      begin = time.perf_counter()
      step()
      values[name].append(amounts[name] / (time.perf_counter() - begin))
  return [Figure(name, unit, values[name]) for name in steps]


def report(
    title: str, figures: Sequence[Figure], csv_path: 'os.PathLike[str]'
) -> None:
  """Prints a table of figures, and writes it as CSV with facts of the machine.

  Args:
    title: the title of the printed table.
    figures: the figures, a row each.
    csv_path: the CSV file to write.
  """
  facts = machine_facts()
  width = max(len(figure.name) for figure in figures) + 2
  print(f'\n{title}')
  print(', '.join(f'{name} {value}' for name, value in facts.items()))
  for figure in figures:
    print(f'  {figure.name:{width}}{figure.text()}')
  path = pathlib.Path(csv_path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with open(path, 'w', newline='', encoding='utf-8') as f:
    writer = csv.writer(f, lineterminator='\n')
    writer.writerow(
        ['figure', 'unit', 'median', 'least', 'greatest', 'repetitions', *facts]
    )
    for figure in figures:
      writer.writerow(
          [
              figure.name,
              figure.unit,
              *(
                  _rounded(f(figure.values))
                  for f in (np.median, np.min, np.max)
              ),
              len(figure.values),
              *facts.values(),
          ]
      )
  print(f'wrote {path}')


def _rounded(value: float) -> str:
  """Rounds to four digits, as a shared machine is not more precise."""
  return f'{value:.0f}' if abs(value) >= 1000 else f'{value:.4g}'


def machine_facts() -> Dict[str, str]:
  """Returns the machine and the versions on which speed depends."""
  versions = run_directory.versions()
  load = os.getloadavg()[0]
  return {
      'cpu': _cpu_name(),
      'usable_cores': str(run_options.usable_cores()),
      'load_1min': f'{load:.1f}',
      **{
          name: versions[name]
          for name in (
              'python',
              'tensorflow',
              'dm-reverb',
              'metaworld',
              'mujoco',
              'gymnasium',
              'numpy',
              'git_revision',
          )
      },
  }


def _cpu_name() -> str:
  with open('/proc/cpuinfo', encoding='utf-8') as f:
    for line in f:
      if line.startswith('model name'):
        return line.split(':', 1)[1].strip()
  return 'unknown'


def children() -> Set[int]:
  """Returns the ids of this process' children, without resource trackers."""
  pids: List[str] = []
  for path in pathlib.Path('/proc/self/task').glob('*/children'):
    pids.extend(path.read_text().split())
  return {int(pid) for pid in pids if not _is_resource_tracker(pid)}


def _is_resource_tracker(pid: str) -> bool:
  try:
    command = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
  except FileNotFoundError:  # The process has ended.
    return True
  return b'resource_tracker' in command


def memory_mb(pids: Set[int], kind: str) -> List[float]:
  """Returns the memory of each process in MB (1e6 bytes), smallest first.

  Args:
    pids: the ids of the processes.
    kind: 'Rss', all pages in memory, or 'Pss', in which a page that n processes
      share counts 1 / n in each.
  """
  sizes = []
  for pid in pids:
    text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
    (line,) = (x for x in text.splitlines() if x.startswith(f'{kind}:'))
    sizes.append(int(line.split()[1]) * 1024 / 1e6)
  return sorted(sizes)
