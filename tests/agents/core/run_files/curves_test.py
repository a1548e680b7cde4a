"""Reading evaluations, and the picture of one run."""

import csv
import json
import subprocess
import sys

from distillery.agents.core.run_files import curves as learning_curves
from distillery.agents.core.run_files import run_directory
from matplotlib.backends import backend_agg
import pytest

HEADER = ','.join(run_directory.EVALUATION_COLUMNS) + '\n'
ROWS = (
    '0,1.5,task,a,train,10,0.1,3.5\n'
    '0,1.5,task,b,train,10,0.3,4.5\n'
    '0,1.5,shared,a,train,10,0.0,1\n'
    '0,1.5,shared,c,test,10,0.2,1\n'
    '100,3.5,task,a,train,10,1.0,9\n'
    '100,3.5,task,b,train,10,0.5,9\n'
)
PNG = b'\x89PNG\r\n\x1a\n'


def write(tmp_path, text):
  path = tmp_path / 'evaluation.csv'
  path.write_text(text)
  return path


def test_rows_are_read(tmp_path):
  rows = learning_curves.read_evaluations(write(tmp_path, HEADER + ROWS))
  assert len(rows) == 6
  assert rows[0] == learning_curves.Evaluation(
      0, 1.5, 'task', 'a', 'train', 0.1, 3.5
  )


def test_a_half_written_last_line_is_left_out(tmp_path):
  path = write(tmp_path, HEADER + ROWS + '200,3.5,task,a')
  assert len(learning_curves.read_evaluations(path)) == 6


@pytest.mark.parametrize(
    'text, says',
    [
        ('', 'got no columns'),
        ('env_steps,success\n1,2\n', 'got the columns env_steps, success'),
        (HEADER, 'got no rows'),
        (HEADER + '0,1,task,a\n' + ROWS, 'cannot be read'),
        (HEADER + 'x,1,task,a,train,1,0,0\n', 'cannot be read'),
    ],
)
def test_a_file_that_is_no_table_of_evaluations_is_refused(
    text, says, tmp_path
):
  with pytest.raises(ValueError, match=f'evaluation.csv: .*{says}'):
    learning_curves.read_evaluations(write(tmp_path, text))


def test_curves_and_their_mean(tmp_path):
  rows = learning_curves.read_evaluations(write(tmp_path, HEADER + ROWS))
  curves = learning_curves.task_curves(rows, 'task', 'train')
  assert curves == {'a': [(0, 0.1), (100, 1.0)], 'b': [(0, 0.3), (100, 0.5)]}
  assert learning_curves.mean_curve(curves) == [(0, 0.2), (100, 0.75)]
  # A time at which a task is missing has no mean.
  curves['b'].pop()
  assert learning_curves.mean_curve(curves) == [(0, 0.2)]


def test_config_is_flattened(tmp_path):
  assert learning_curves.flat_config(tmp_path) == {}
  (tmp_path / 'config.json').write_text(
      json.dumps({'suite': 'MT10', 'agent': {'kl_cost': 1}})
  )
  assert learning_curves.flat_config(tmp_path) == {
      'suite': 'MT10',
      'kl_cost': 1,
  }


@pytest.mark.parametrize(
    'text',
    [
        HEADER + ROWS,
        HEADER + ROWS.split('\n')[0] + '\n',
        HEADER
        + ''.join(
            f'{step},1,task,t{task},train,1,0.5,0\n'
            for step in (0, 9)
            for task in range(50)
        ),
    ],
    ids=['two_policies', 'one_point', 'fifty_tasks'],
)
def test_a_picture_is_written(text, tmp_path):
  learning_curves.learning_curve(write(tmp_path, text), tmp_path / 'curve.png')
  assert (tmp_path / 'curve.png').read_bytes().startswith(PNG)


@pytest.fixture(name='figures')
def fixture_figures(monkeypatch):
  """Figures that were drawn, and written nowhere."""
  figures = []
  monkeypatch.setattr(
      backend_agg.FigureCanvasAgg,
      'print_png',
      lambda self, file: figures.append(self.figure),
  )
  return figures


def names_in_legend(figure):
  (legend,) = figure.legends
  return [text.get_text() for text in legend.get_texts()]


def test_the_legend_has_every_name(tmp_path, figures):
  names = ['price $1', r'$\frac$', '_under', '', '[red]x[/red]']
  with open(tmp_path / 'evaluation.csv', 'w', newline='') as f:
    writer = csv.writer(f)
    writer.writerow(run_directory.EVALUATION_COLUMNS)
    writer.writerows(
        [0, 1, policy, name, 'train', 1, 0.5, 0]
        for policy in ('_mine', 'task')
        for name in names
    )
  (tmp_path / 'config.json').write_text(json.dumps({'suite': '$\\frac$'}))
  learning_curves.learning_curve(
      tmp_path / 'evaluation.csv', tmp_path / 'curve.png'
  )
  assert names_in_legend(figures[0]) == [*names, 'mean of 5 training tasks']
  assert [axes.get_title() for axes in figures[0].axes] == [
      'Task policies',
      '_mine',
  ]
  assert figures[0].get_suptitle() == 'Success on $\\frac$'


def test_tasks_without_a_common_time_have_no_mean(tmp_path, figures):
  rows = '0,1,task,a,train,1,1,1\n10,1,task,b,train,1,1,1\n'
  learning_curves.learning_curve(
      write(tmp_path, HEADER + rows), tmp_path / 'c.png'
  )
  assert names_in_legend(figures[0]) == ['a', 'b']


@pytest.mark.parametrize(
    'text, says',
    [
        ('[1]', 'got .*want the JSON that the run wrote, names and'),
        ('{"a": ', 'Expecting value'),
        ('null', 'want the JSON'),
        ('{"a": "\udcff"}', "can't decode byte 0xff"),
    ],
)
def test_a_damaged_config_is_named(tmp_path, text, says):
  (tmp_path / 'config.json').write_bytes(
      text.encode('utf-8', 'surrogateescape')
  )
  with pytest.raises(ValueError, match=f'cannot read .*config.json: .*{says}'):
    learning_curves.flat_config(tmp_path)


def test_drawing_loads_nothing_heavy(tmp_path):
  program = (
      'import sys\n'
      'from distillery.agents.core.run_files import curves as plotting\n'
      "assert 'matplotlib' not in sys.modules\n"
      f'plotting.learning_curve({str(write(tmp_path, HEADER + ROWS))!r},\n'
      f'    {str(tmp_path / "curve.png")!r})\n'
      "heavy = {'tensorflow', 'acme', 'pandas', 'seaborn', 'scipy',\n"
      "         'matplotlib.pyplot'} & set(sys.modules)\n"
      'assert not heavy, heavy\n'
  )
  result = subprocess.run(
      [sys.executable, '-c', program],
      capture_output=True,
      text=True,
      timeout=100,
  )
  assert result.returncode == 0, result.stderr
