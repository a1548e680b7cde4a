"""Tests of what the benchmarks print and write."""

import csv
import importlib.util
import pathlib
import subprocess
import sys

import pytest

_PATH = pathlib.Path(__file__).parents[2] / 'benchmarks' / 'bench_report.py'


@pytest.fixture(scope='module')
def bench_report():
  spec = importlib.util.spec_from_file_location('bench_report', _PATH)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def test_figures_show_their_spread(bench_report):
  assert bench_report.Figure('a', 'steps/s', [30000.4, 1, 2000.6]).text() == (
      '2001 [1-30000] steps/s'
  )
  assert bench_report.Figure('a', 's', [0.123456]).text() == '0.1235 s'


def test_ratios_are_taken_repetition_by_repetition(bench_report):
  above = bench_report.Figure('above', 'steps/s', [10, 40])
  below = bench_report.Figure('below', 'steps/s', [5, 10])
  assert bench_report.ratio('r', above, below).values == [2, 4]


def test_report_is_printed_and_written(bench_report, tmp_path, capsys):
  path = tmp_path / 'bench' / 'speed.csv'
  figure = bench_report.Figure('stepping', 'steps/s', [1.0, 3.0, 2.0])
  bench_report.report('Speed', [figure], path)
  assert 'stepping  2 [1-3] steps/s' in capsys.readouterr().out
  with open(path, newline='') as f:
    (row,) = csv.DictReader(f)
  assert row['median'] == '2' and row['repetitions'] == '3'
  assert row['cpu'] and row['mujoco'] and row['git_revision']
  assert int(row['usable_cores']) >= 1


def test_memory_of_children(bench_report):
  before = bench_report.children()
  program = 'print("ready", flush=True); input()'
  with subprocess.Popen(
      [sys.executable, '-c', program],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
  ) as process:
    process.stdout.readline()
    started = bench_report.children() - before
    (rss,) = bench_report.memory_mb(started, 'Rss')
    (pss,) = bench_report.memory_mb(started, 'Pss')
    process.communicate(b'\n')
  assert started == {process.pid}
  assert 0 < pss <= rss < 1000
  assert process.pid not in bench_report.children()
