"""How a run shows itself on a terminal and elsewhere."""

import errno
import io
import os
import pty
import subprocess
import sys
import time

from distillery.agents.core.run_files import display as displays
import pytest


@pytest.fixture(name='clock')
def fixture_clock(monkeypatch):
  """A clock that moves when it is told to."""
  now = [100.0]
  monkeypatch.setattr(time, 'monotonic', lambda: now[0])

  def move(seconds):
    now[0] += seconds

  return move


def test_plain_lines_at_intervals(clock, capsys):
  with displays.Display(10_000, 0) as display:
    clock(1.0)
    display.update(1_000, 'training success 5%')
    clock(1.0)
    display.update(2_000, 'too soon to be shown')
    clock(38.0)
    display.update(4_000, 'training success 7%')
  assert capsys.readouterr().out.splitlines() == [
      '1,000 of 10,000 steps, 1,000/s, training success 5%, 0 min left',
      '4,000 of 10,000 steps, 100/s, training success 7%, 1 min left',
  ]


def test_a_resumed_run_counts_its_own_speed(clock, capsys):
  with displays.Display(10_000, 9_000) as display:
    clock(2.0)
    display.update(9_100, 'ready')
  assert '9,100 of 10,000 steps, 50/s' in capsys.readouterr().out


def test_announcements_are_plain_off_a_terminal(capsys):
  with displays.Display(10, 0) as display:
    display.print('[bold]5 steps: 50% success')
  assert capsys.readouterr() == ('[bold]5 steps: 50% success\n', '')


def test_a_name_that_the_terminal_cannot_show_ends_nothing(monkeypatch):
  shown = io.BytesIO()
  monkeypatch.setattr(sys, 'stdout', io.TextIOWrapper(shown, 'ascii'))
  displays.say('warning: runs/\u00fc \udcff')
  with displays.Display(10, 0) as display:
    display.update(5, '\U0001f600')
    display.print('\u00fc')
  lines = shown.getvalue().decode().splitlines()
  assert lines[0] == r'warning: runs/\xfc \udcff'
  assert r'\U0001f600' in lines[1] and lines[2] == r'\xfc'


def test_a_name_stays_on_its_line():
  assert displays.on_one_line('a\r\n\x1b[2J\u2028') == r'a\r\n\x1b[2J\u2028'
  for name in ('', '\u00fc', '\U0001f468\u200d\U0001f9b0', r'a\nb', '[red]'):
    assert displays.on_one_line(name) == name


def on_a_terminal(program):
  """Returns what a program writes to its terminal."""
  parent, child = pty.openpty()
  environment = {**os.environ, 'COLUMNS': '120', 'TERM': 'xterm'}
  with subprocess.Popen(
      [sys.executable, '-c', program],
      stdout=child,
      stderr=child,
      env=environment,
  ) as process:
    os.close(child)
    output = b''
    try:
      while part := os.read(parent, 4096):
        output += part
    except OSError as error:  # The other end is closed.
      assert error.errno == errno.EIO
  os.close(parent)
  assert process.returncode == 0, output
  return output


def test_a_live_line_on_a_terminal():
  output = on_a_terminal(
      'from distillery.agents.core.run_files import display as displays\n'
      'with displays.Display(10_000, 0) as display:\n'
      '  display.update(2_500, "training success 7%")\n'
      '  display.print("[bold]5 steps: 50% success")\n'
      '  display.print(":bug: [/]")\n'
      '  display.update(5_000, "training success 9% [/] [red]x")\n'
  )
  assert b'\x1b[' in output
  # Words in brackets are not read as markup.
  assert b'[bold]5 steps: 50% success' in output
  assert b':bug: [/]' in output
  assert b'[/] [red]x' in output
  assert b'5,000 of 10,000 steps' in output
  assert b'training success 9%' in output


def test_a_thread_that_is_left_behind_leaves_the_terminal_as_it_was():
  """As a learner's is that waits in vain; another takes its place."""
  output = on_a_terminal(
      'import threading, time\n'
      'from distillery.agents.core.run_files import display as displays\n'
      'def learn(begun):\n'
      '  with displays.Display(10_000, 0) as display:\n'
      '    display.update(2_500, "training success 7%")\n'
      '    begun.set()\n'
      '    time.sleep(600)\n'
      'for _ in range(2):\n'
      '  begun = threading.Event()\n'
      '  threading.Thread(target=learn, args=[begun], daemon=True).start()\n'
      '  assert begun.wait(60)\n'
  )
  hide, show = b'\x1b[?25l', b'\x1b[?25h'
  assert output.count(hide) == output.count(show) == 2
  assert output.rfind(show) > output.rfind(hide)
