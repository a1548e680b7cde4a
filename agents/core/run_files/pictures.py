"""Writes pictures with matplotlib, in which users' text stays as it is."""

import contextlib
import io
import os
import pathlib
import textwrap
from typing import Any, Iterator, Sequence, Tuple
import warnings

from distillery.agents.core.run_files import run_directory

_LABEL_WIDTH = 60  # The length of a line, in characters.


@contextlib.contextmanager
def picture(path: 'os.PathLike[str]', **options: Any) -> Iterator[Any]:
  """Yields a figure to draw into, and writes it, whole or not at all.

  Text is drawn as it is: users' names are no mathematical formulas, and may
  hold characters that the font lacks.

  Args:
    path: the PNG file.
    **options: the options of matplotlib's `Figure`.

  Yields:
    The figure.

  Raises:
    OSError: if the file cannot be written.
  """
  # The import takes a third of a second, and most processes draw nothing.
  import matplotlib
  from matplotlib import figure
  from matplotlib.backends import backend_agg

  as_it_is = matplotlib.rc_context(
      {
          'text.parse_math': False,
          'text.usetex': False,
          'axes.formatter.use_mathtext': False,
      }
  )
  with as_it_is, warnings.catch_warnings():
    warnings.filterwarnings('ignore', 'Glyph|constrained_layout', UserWarning)
    canvas = backend_agg.FigureCanvasAgg(figure.Figure(**options))
    yield canvas.figure
    content = io.BytesIO()
    canvas.print_png(content)
  run_directory.write_bytes(pathlib.Path(path), content.getvalue())


def label(text: str, width: int = _LABEL_WIDTH) -> str:
  """Breaks text for a picture into lines.

  Args:
    text: the text.
    width: the greatest length of a line, in characters.

  Returns:
    The text with line ends.
  """
  return '\n'.join(
      textwrap.wrap(
          text,
          width,
          expand_tabs=False,
          replace_whitespace=False,
          drop_whitespace=False,
      )
  )


def add_legend(
    owner: Any,
    lines: Sequence[Tuple[Any, str]],
    width: int = _LABEL_WIDTH,
    **options: Any,
) -> None:
  """Adds a legend whose labels matplotlib neither hides nor changes.

  Args:
    owner: the figure or the axes.
    lines: the lines that were drawn, each with its label.
    width: the greatest length of a line of text, in characters.
    **options: the options of matplotlib's `legend`.
  """
  # Matplotlib would leave out labels that begin with `_`.
  legend = owner.legend(
      [artist for artist, _ in lines], ['.'] * len(lines), **options
  )
  for text, (_, name) in zip(legend.get_texts(), lines):
    text.set_text(label(name, width))
