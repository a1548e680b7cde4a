"""Reading tables that are damaged, that grow, or that an editor has saved."""

from distillery.agents.core.run_files import csv_tables
import pytest

CONVERTERS = {
    'env_steps': csv_tables.whole_number,
    'task': str,
    'split': csv_tables.split,
    'return': csv_tables.number,
}
HEADER = b'env_steps,task,split,return\r\n'
ROW = b'10,a,train,0.5\r\n'


def read(tmp_path, content):
  (tmp_path / 'table.csv').write_bytes(content)
  return csv_tables.read(tmp_path / 'table.csv', CONVERTERS)


WHOLE = [{'env_steps': 10, 'task': 'a', 'split': 'train', 'return': 0.5}]


@pytest.mark.parametrize(
    'content',
    [
        HEADER + ROW,
        b'\xef\xbb\xbf' + HEADER + ROW,
        (HEADER + ROW).replace(b'\r\n', b'\n'),
        # An editor that leaves out the last end of a line.
        (HEADER + ROW).replace(b'\r\n', b'\n')[:-1],
        b'\r\n' + HEADER + b'\r\n   \r\n' + ROW + b'\r\n,,,\r\n',
        HEADER + b'"10","a","train","0.5"\r\n',
    ],
    ids=['ours', 'mark', 'unix', 'no_last_end', 'blank_lines', 'quotes'],
)
def test_complete_tables_are_read(tmp_path, content):
  assert read(tmp_path, content).rows == WHOLE


# Every way in which a kill can cut the last row short, a letter in two, too.
@pytest.mark.parametrize('cut', range(2, 22))
def test_a_row_that_was_cut_is_left_out(tmp_path, cut):
  row = '20,"b\u00fc",train,0.75\r\n'.encode()
  assert read(tmp_path, HEADER + ROW + row[:-cut]).rows == WHOLE


@pytest.mark.parametrize('content', [b'', b'\r\n', b'env_st', HEADER[:-2]])
def test_a_file_without_a_whole_header_has_no_columns(tmp_path, content):
  assert read(tmp_path, content) == ((), [])


def test_a_header_alone_has_no_rows(tmp_path):
  assert read(tmp_path, HEADER) == (tuple(CONVERTERS), [])


@pytest.mark.parametrize(
    'damaged, says',
    [
        (b'20,a,train\r\n', 'got 3 columns, want 4'),
        (b'20,a,train,1,2\r\n', 'got 5 columns, want 4'),
        (b'x,a,train,1\r\n', "env_steps: got 'x', want a whole number"),
        (b'1.5,a,train,1\r\n', "env_steps: got '1.5', want a whole number"),
        (b'-1,a,train,1\r\n', "env_steps: got '-1', want a whole number"),
        (b'9' * 5000 + b',a,train,1\r\n', 'want a whole number'),
        (b'20,a,train,\r\n', "return: got '', want a finite number"),
        (b'20,a,train,nan\r\n', "return: got 'nan', want a finite number"),
        (b'20,a,train,inf\r\n', "return: got 'inf', want a finite number"),
        (b'20,a,trian,1\r\n', "split: got 'trian', want train or test"),
        (b'\0\0\0\0\r\n', ''),
        (b'20,\xff,train,1\r\n', 'it is not text in UTF-8'),
        (b'20,"a,train,1\r\n', 'unexpected end of data'),
        (HEADER, "env_steps: got 'env_steps', want a whole number"),
    ],
)
def test_a_damaged_row_is_named_by_file_and_line(tmp_path, damaged, says):
  before = HEADER + ROW + b'\r\n'
  with pytest.raises(
      ValueError,
      match=(
          f'table.csv: line 4 cannot be read: .*{says}.*; correct the line or delete'
      ),
  ):
    read(tmp_path, before + damaged + ROW)
  # As says the sentence.
  assert read(tmp_path, before + ROW).rows == 2 * WHOLE


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
  with pytest.raises(ValueError, match='line 4 cannot be read'):
    read(tmp_path, HEADER + b'10,"a\r\nb",train,1\r\n' + b'x,a,train,1\r\n')


@pytest.mark.parametrize(
    'header, found',
    [
        (b'env_steps,task,return', 'env_steps, task, return'),
        (b'env_steps;task;split;return', 'env_steps;task;split;return'),
        (ROW, '10, a, train, 0.5'),
    ],
)
def test_other_columns_are_refused(tmp_path, header, found):
  with pytest.raises(
      ValueError,
      match=(
          f'table.csv: got the columns {found}; want env_steps, task, split, ret'
      ),
  ):
    read(tmp_path, header + b'\r\n' + ROW)


def test_other_cells_stay_text(tmp_path):
  (tmp_path / 'table.csv').write_bytes(b'note,env_steps\r\n7,8\r\n')
  rows = csv_tables.read(
      tmp_path / 'table.csv', {'env_steps': csv_tables.whole_number}
  ).rows
  assert rows == [{'note': '7', 'env_steps': 8}]


def test_encoded_text_is_read_back(tmp_path):
  names = ['a,b', 'a"b', 'line\nbreak', '\u00fc', '\U0001f600', '', ' a ', '\r']
  rows = [{'env_steps': i, 'task': name} for i, name in enumerate(names)]
  path = tmp_path / 'table.csv'
  path.write_bytes(csv_tables.encoded(['env_steps', 'task'], rows))
  table = csv_tables.read(path, {'env_steps': csv_tables.whole_number})
  assert table == (('env_steps', 'task'), rows)
  # No text in UTF-8, and no reason to end a run.
  assert b'\\udcff' in csv_tables.encoded(['task'], [{'task': 'a\udcff'}])
