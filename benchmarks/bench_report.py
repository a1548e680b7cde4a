"""What the benchmarks share: repeated figures, their table, their CSV."""

import csv
import os
import pathlib
from typing import Dict, List, NamedTuple, Sequence, Set

from distillery.agents.core import run_directory
from distillery.launchers.common import run_options
import numpy as np


class Figure(NamedTuple):
  """One measured thing, once a repetition."""

  name: str
  unit: str
  values: Sequence[float]

  def text(self) -> str:
    """`median [least-greatest] unit`."""
    low, middle, high = (
        _rounded(f(self.values)) for f in (np.min, np.median, np.max)
    )
    spread = f' [{low}-{high}]' if len(self.values) > 1 else ''
    return f'{middle}{spread} {self.unit}'


def ratio(name: str, above: Figure, below: Figure) -> Figure:
  """The ratio of two figures, repetition by repetition.

  Those of one repetition were measured one after the other, so what else the
  machine did in that minute weighs on both.
  """
  return Figure(name, 'x', [a / b for a, b in zip(above.values, below.values)])


def report(
    title: str, figures: Sequence[Figure], csv_path: 'os.PathLike[str]'
) -> None:
  """Prints a table and writes it, with what the machine is, as CSV."""
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
  """Four digits say all that a shared machine can."""
  return f'{value:.0f}' if abs(value) >= 1000 else f'{value:.4g}'


def machine_facts() -> Dict[str, str]:
  """The machine and the versions that speed depends on."""
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
  """Processes that this one started, multiprocessing's own helper left out."""
  pids: List[str] = []
  for path in pathlib.Path('/proc/self/task').glob('*/children'):
    pids.extend(path.read_text().split())
  return {int(pid) for pid in pids if not _is_resource_tracker(pid)}


def _is_resource_tracker(pid: str) -> bool:
  try:
    command = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
  except FileNotFoundError:  # it has ended since
    return True
  return b'resource_tracker' in command


def memory_mb(pids: Set[int], kind: str) -> List[float]:
  """Memory of each process in MB (1e6 bytes), smallest first.

  Args:
    pids: the processes.
    kind: 'Rss', all that is mapped in, or 'Pss', where a page that several
      processes share counts for its part in each.
  """
  sizes = []
  for pid in pids:
    text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
    (line,) = (x for x in text.splitlines() if x.startswith(f'{kind}:'))
    sizes.append(int(line.split()[1]) * 1024 / 1e6)
  return sorted(sizes)
