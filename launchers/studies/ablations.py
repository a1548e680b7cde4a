"""Measures an ablation: the same runs without each piece of a recipe alone."""

import dataclasses
import pathlib
import re
import shlex
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from distillery.agents.core.run_files import pictures
from distillery.agents.core.run_files import run_directory
from distillery.launchers.figures import studies as study_figures
from distillery.launchers.studies import jobs
from scipy import stats

# What the runs with the whole recipe are without.
NOTHING = 'nothing'


class Piece(NamedTuple):
  """A piece of a recipe.

  Attributes:
    name: its name, which is also that of a directory.
    flags: the flags that take it out, after those of the recipe.
  """

  name: str
  flags: Tuple[str, ...]


def parse_pieces(texts: Sequence[str]) -> List[Piece]:
  """Reads the pieces that are taken out.

  Args:
    texts: for each piece one text, `name: --flag=value --flag=value`.

  Returns:
    The whole recipe, whose name is `NOTHING`, and then the pieces.

  Raises:
    ValueError: if a text cannot be read, or a name is there twice.
  """
  pieces = [Piece(NOTHING, ())]
  for text in texts:
    name, _, flags = text.partition(':')
    piece = Piece(name.strip(), tuple(shlex.split(flags)))
    if not re.fullmatch(r'\w[\w -]*', piece.name) or not piece.flags:
      raise ValueError(
          f"without: got {text!r}, want 'name: --flag=value', with letters, "
          'digits, spaces and - in the name.'
      )
    if piece.name in [other.name for other in pieces]:
      raise ValueError(
          f'without: got {piece.name} twice, want each name once, and not '
          f'{NOTHING}, which is the whole recipe.'
      )
    pieces.append(piece)
  if len(pieces) == 1:
    raise ValueError("without: got none, want at least one, 'name: --flag=1'.")
  return pieces


@dataclasses.dataclass(frozen=True)
class Ablation:
  """The description of an ablation.

  Attributes:
    launcher: the file name of the launcher in launchers/.
    flagfile: the absolute path of the recipe's flagfile; empty: none.
    flags: more flags of all runs, after the flagfile.
    pieces: the whole recipe and the pieces that are taken out.
    seeds: the seeds of each.
    num_env_steps: the environment steps of a run, summed over tasks.
    metric: the score, 'success' or 'return'.
  """

  launcher: str
  flagfile: str
  flags: Tuple[str, ...]
  pieces: Sequence[Piece]
  seeds: Tuple[int, ...]
  num_env_steps: int
  metric: str

  def job(self, piece: Piece, seed: int) -> jobs.Job:
    """Returns the job without a piece, with a seed."""
    return jobs.Job(
        pathlib.Path('without', piece.name.replace(' ', '_'), f'seed{seed}'),
        self.launcher,
        self.flagfile,
        (*self.flags, *piece.flags),
        seed,
        self.num_env_steps,
    )


def write(
    output_dir: pathlib.Path, ablation: Ablation, runner: jobs.Runner
) -> None:
  """Writes ablation.csv and ablation.png from the runs that are finished.

  Args:
    output_dir: the directory for the files.
    ablation: the description of the ablation.
    runner: the maker of its runs.
  """
  runs: Dict[Piece, List[study_figures.Evaluations]] = {}
  for piece in ablation.pieces:
    made = [ablation.job(piece, seed) for seed in ablation.seeds]
    runs[piece] = [runner.evaluations(j) for j in made if runner.is_whole(j)]
  rows = []
  for policy in study_figures.TITLES:
    scores = {
        piece: [
            study_figures.score(evaluations, policy, ablation.metric)
            for evaluations in found
        ]
        for piece, found in runs.items()
    }
    whole = scores[ablation.pieces[0]]
    rows += [
        _row(policy, piece, ablation.metric, values, whole)
        for piece, values in scores.items()
        if values
    ]
  run_directory.write_csv(output_dir / 'ablation.csv', rows)
  with pictures.picture(
      output_dir / 'ablation.png', figsize=(12, 4.5), layout='constrained'
  ) as figure:
    for axes, policy in zip(figure.subplots(1, 2), study_figures.TITLES):
      _draw(axes, policy, ablation, runs)


def _row(
    policy: str,
    piece: Piece,
    metric: str,
    values: Sequence[float],
    whole: Sequence[float],
) -> Dict[str, Any]:
  """Returns a row of the table, with the difference to the whole recipe.

  The interval of the difference is that of Welch's t-test.
  """
  average = study_figures.mean(values)
  low = high = float('nan')
  if len(values) > 1 and len(whole) > 1:
    low, high = stats.ttest_ind(
        values, whole, equal_var=False
    ).confidence_interval()
  return {
      'policy': policy,
      'without': piece.name,
      'seeds': len(values),
      metric: round(average.value, 4),
      'half_interval': round(average.half_interval, 4),
      'difference': round(
          average.value - study_figures.mean(whole or [float('nan')]).value, 4
      ),
      'difference_low': round(float(low), 4),
      'difference_high': round(float(high), 4),
  }


def _draw(
    axes: Any,
    policy: str,
    ablation: Ablation,
    runs: Dict[Piece, List[study_figures.Evaluations]],
) -> None:
  """Draws the curves of a policy, one for each piece that is taken out."""
  for i, (piece, found) in enumerate(runs.items()):
    curves = [
        study_figures.curve(evaluations, policy, ablation.metric)
        for evaluations in found
    ]
    if curves:
      study_figures.draw_curves(
          axes, curves, f'without {piece.name}', f'C{i}' if i else 'black'
      )
  axes.set(
      title=study_figures.TITLES[policy],
      xlabel='environment steps of all tasks',
      ylabel=f'mean {ablation.metric} of the tasks',
  )
  axes.legend(fontsize=7)
