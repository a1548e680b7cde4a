"""Runs of which there is only the table of evaluations."""

import json

from distillery.agents.core.run_files import run_directory


def make_run(path, seed=0, steps=(0, 100, 200), tasks=('a', 'b'), **config):
  """Writes a run whose success is seed / 10 + steps / 1000 on every task."""
  path.mkdir()
  config = {'suite': 'MT10', 'seed': seed, 'kl_cost': 0.5, **config}
  (path / 'config.json').write_text(json.dumps(config))
  lines = [','.join(run_directory.EVALUATION_COLUMNS)]
  for step in steps:
    for policy in ('task', 'shared'):
      for task in tasks:
        success = seed / 10 + step / 1000
        wall_s = 36 * step * (1 + seed)
        lines.append(
            f'{step},{wall_s},{policy},{task},train,10,{success:.2f},5'
        )
  (path / 'evaluation.csv').write_text('\n'.join(lines) + '\n')
  return str(path)
