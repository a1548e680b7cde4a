"""The JSON files of a run: read in one way, and refused in one sentence."""

import re

from distillery.agents.core.run_files import json_files
import pytest


def test_a_config_is_read_with_its_types(tmp_path):
  assert not json_files.has_config(tmp_path)
  (tmp_path / 'config.json').write_text('{"seed": 1, "suite": "MT10"}')
  assert json_files.has_config(tmp_path)
  config = json_files.read_config(tmp_path, seed=int, suite=str)
  assert config == {'seed': 1, 'suite': 'MT10'}


def test_a_directory_without_a_config_holds_no_run(tmp_path):
  sentence = f"run_dir '{tmp_path}' holds no run (no config.json)."
  with pytest.raises(ValueError, match=f'^{re.escape(sentence)}$'):
    json_files.read_config(tmp_path)


@pytest.mark.parametrize(
    'text, says',
    [
        ('{"seed": ', 'Expecting value.*; want the JSON that the run wrote.'),
        ('[3]', r"got '\[3\]'; want the JSON that the run wrote, names and"),
        ('{"seed": "1"}', "seed is '1'; want the int that the run wrote."),
        ('{}', 'seed is None; want the int that the run wrote.'),
    ],
)
def test_what_no_run_writes_is_refused(tmp_path, text, says):
  path = tmp_path / 'config.json'
  path.write_text(text)
  with pytest.raises(ValueError, match=f'^cannot read {path}: {says}'):
    json_files.read_config(tmp_path, seed=int)
