"""Pictures with text of users in them, which is drawn as it is."""

import contextlib
import io
import os
import pathlib
import textwrap
from typing import Any, Iterator, Sequence, Tuple
import warnings

from distillery.agents.core import run_directory

_LABEL_WIDTH = 60  # Characters.


@contextlib.contextmanager
def picture(path: 'os.PathLike[str]', **options: Any) -> Iterator[Any]:
  """Yields a figure to draw into, and writes it, whole or not at all.

  Text is drawn as it is: names of users are no mathematics, and may have
  characters that the font lacks.

  Args:
    path: the PNG file.
    **options: of matplotlib's `Figure`.

  Raises:
    OSError: if the file cannot be written.
  """
  # Costs a third of a second, and most processes draw nothing.
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
  """Returns text for a picture; longer text goes on in the next line."""
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
  """Adds a legend, whose labels matplotlib neither hides nor changes.

  Args:
    owner: the figure or the axes.
    lines: what was drawn, and its name.
    width: of a line of the legend, in characters.
    **options: of matplotlib's `legend`.
  """
  # A label that begins with _ would be left out.
  legend = owner.legend(
      [artist for artist, _ in lines], ['.'] * len(lines), **options
  )
  for text, (_, name) in zip(legend.get_texts(), lines):
    text.set_text(label(name, width))
