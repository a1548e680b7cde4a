"""Pictures draw users' text as it is, and are whole or absent."""

import errno
import os
import warnings

from distillery.agents.core.run_files import pictures
from matplotlib.backends import backend_agg
import pytest

PNG = b'\x89PNG\r\n\x1a\n'


def draw(path, name):
  """A picture with a name in every place where text can be."""
  with pictures.picture(path, figsize=(5, 4), layout='constrained') as figure:
    axes = figure.subplots()
    (line,) = axes.plot([0, 1], [0, 1])
    axes.set(title=pictures.label(name), xlabel=name, ylabel=name)
    figure.suptitle(pictures.label(name))
    pictures.add_legend(axes, [(line, name)])
    return axes


@pytest.mark.parametrize(
    'name',
    [
        'price $1',
        '$x$',
        r'$\frac$',
        'cost $1 or $2^^',
        r'a\$b',
        '_under',
        '',
        'a/b',
        'line\nbreak',
        '\u00fc',
        '\U0001f600',
        '%d',
        '{x}',
        r'\frac',
        'nan',
        '\0',
        '\x1b[0m',
    ],
)
def test_names_are_drawn_as_they_are(tmp_path, name):
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    axes = draw(tmp_path / 'picture.png', name)
  assert (tmp_path / 'picture.png').read_bytes().startswith(PNG)
  (label,) = axes.get_legend().get_texts()
  for text in (label, axes.title, axes.xaxis.label):
    assert text.get_text() == name and not text.get_parse_math()


def test_a_long_name_is_wrapped(tmp_path):
  axes = draw(tmp_path / 'picture.png', 'word ' * 60)
  (label,) = axes.get_legend().get_texts()
  lines = label.get_text().split('\n')
  assert ''.join(lines) == 'word ' * 60
  assert max(map(len, lines)) <= 60
  assert pictures.label('n' * 300).split('\n') == ['n' * 60] * 5


def test_a_user_who_draws_too_keeps_the_settings(tmp_path):
  import matplotlib

  draw(tmp_path / 'picture.png', 'a')
  assert matplotlib.rcParams['text.parse_math']


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
  draw(tmp_path / 'picture.png', 'a')
  before = (tmp_path / 'picture.png').read_bytes()

  def full(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  monkeypatch.setattr(os, 'fsync', full)
  with pytest.raises(OSError, match='No space left'):
    draw(tmp_path / 'picture.png', 'b')

  def fail(*unused_args):
    raise RuntimeError('no such font')

  monkeypatch.setattr(backend_agg.FigureCanvasAgg, 'print_png', fail)
  with pytest.raises(RuntimeError):
    draw(tmp_path / 'picture.png', 'b')
  assert (tmp_path / 'picture.png').read_bytes() == before
  assert [path.name for path in tmp_path.iterdir()] == ['picture.png']
