"""Nodes to make programs of, in a module that processes can import."""

import os
import signal
import sys
import time

from distillery.distributed import lp


class Counter:

  def __init__(self, start=0):
    self.count = start

  def add(self, amount):
    self.count += amount
    return self.count

  def process(self):
    return os.getpid()

  def fail(self):
    raise LookupError('no such thing')

  def _secret(self):
    return 1


class Caller:
  """Counts up to a number and ends the program."""

  def __init__(self, counter, end):
    self._counter = counter
    self._end = end

  def run(self):
    while not lp.wait_for_stop(0.01):
      if self._counter.add(1) >= self._end:
        lp.stop()


class Once:
  """Counts one up, and no more."""

  def __init__(self, counter):
    self._counter = counter

  def run(self):
    self._counter.add(1)


class Speaker:
  """Says a line to each stream, and what Ray would say."""

  def run(self):
    for stream, line in (
        (sys.stdout, '[2026-11-29 05:40:57,197 I 80 80] logging.cc:303: Hear'),
        (sys.stdout, 'said'),
        (sys.stderr, 'complained'),
    ):
      stream.write(f'{line}\n')


class Failing:
  """Fails once the counter is there, differently each time."""

  def __init__(self, counter, times):
    self._counter = counter
    self._times = times

  def run(self):
    count = self._counter.add(1)
    if count <= self._times:
      raise ArithmeticError(f'failure {count}')
    lp.stop()


class Killed:
  """Has its process killed, as the kernel does when memory is short."""

  def __init__(self, counter, times):
    self._counter = counter
    self._times = times

  def run(self):
    if self._counter.add(1) <= self._times:
      os.kill(os.getpid(), signal.SIGKILL)
    lp.stop()


class Unmakeable:

  def __init__(self):
    raise ValueError('wants another argument')


class Tables:
  """Writes to Reverb and reads back."""

  def __init__(self, replay, counter):
    self._replay = replay
    self._counter = counter

  def run(self):
    self._replay.insert([1.0], {'table': 1.0})
    (sample,) = next(self._replay.sample('table'))
    self._counter.add(int(sample.data[0]) + 41)


class Waits:
  """Ends the program when the counter is at a number."""

  def __init__(self, counter, end):
    self._counter = counter
    self._end = end

  def run(self):
    while not lp.wait_for_stop(0.05):
      if self._counter.add(0) == self._end:
        lp.stop()


class Address:
  """Says where Reverb is."""

  def __init__(self, address):
    self._address = address

  def server_address(self):
    return self._address


class Deaf:
  """Does not hear that the program ends."""

  def run(self):
    time.sleep(600.0)


def make_tables():
  import reverb

  return [
      reverb.Table(
          'table',
          reverb.selectors.Uniform(),
          reverb.selectors.Fifo(),
          10,
          reverb.rate_limiters.MinSize(1),
      )
  ]


def program(**groups):
  """A program of one node a group, each given as a function of handles."""
  made = lp.Program('test')
  handles = {}
  for label, make in groups.items():
    with made.group(label):
      handles[label] = made.add_node(make(handles))
  return made, handles
