"""Programs on threads and on processes: what their nodes may rely on."""

import os
import socket
import threading
import time

from distillery.distributed import connections
from distillery.distributed import launch
from distillery.distributed import lp
from distillery.distributed import nodes
from distillery.distributed import supervisor
from helpers import program_helpers as helpers
import pytest

pytestmark = pytest.mark.timeout(300)
BOTH = pytest.mark.parametrize('where', ['mt', 'mp'])
# Both, of which processes are slow and are tested by another test too.
BOTH_SLOWLY = pytest.mark.parametrize(
    'where', ['mt', pytest.param('mp', marks=pytest.mark.slow)]
)


def node(constructor, *labels_or_values):
  """Makes a node whose arguments are values, or labels of other nodes."""

  def make(handles):
    return lp.CourierNode(
        constructor,
        *(
            handles.get(x, x) if isinstance(x, str) else x
            for x in labels_or_values
        ),
    )

  return make


def wait_for(condition, seconds=60.0):
  deadline = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < deadline
    time.sleep(0.05)


@BOTH
def test_nodes_call_each_other_until_one_stops_the_program(where):
  program, _ = helpers.program(
      counter=node(helpers.Counter),
      one=node(helpers.Caller, 'counter', 50),
      two=node(helpers.Caller, 'counter', 50),
  )
  begin = time.monotonic()
  launch.launch(program, f'local_{where}')
  assert time.monotonic() - begin < 60.0


@BOTH_SLOWLY
def test_the_program_that_launched_calls_nodes_too(where):
  program, handles = helpers.program(counter=node(helpers.Counter, 5))
  manager = launch.launch(program, f'test_{where}')
  try:
    counter = handles['counter'].dereference()
    assert counter.add(2) == 7
    assert counter.futures.add(3).result(timeout=60.0) == 10
    with pytest.raises(LookupError, match='no such thing'):
      counter.fail()
    with pytest.raises(LookupError):
      counter.futures.fail().result(timeout=60.0)
    with pytest.raises(AttributeError):
      counter.does_not_exist()
    with pytest.raises(AttributeError):
      counter._secret()
  finally:
    manager.stop()


@pytest.mark.parametrize(
    'where', ['mt', pytest.param('mp', marks=pytest.mark.slow)]
)
def test_reverb_is_a_node(where):
  program, handles = helpers.program(
      counter=node(helpers.Counter),
      replay=lambda _: lp.ReverbNode(helpers.make_tables),
      writer=node(helpers.Tables, 'replay', 'counter'),
  )
  manager = launch.launch(program, f'test_{where}')
  try:
    wait_for(lambda: handles['counter'].dereference().add(0) == 42)
    info = handles['replay'].dereference().server_info(timeout=60)
    assert list(info) == ['table']
  finally:
    manager.stop()


@pytest.mark.parametrize(
    'where', ['mt', pytest.param('mp', marks=pytest.mark.slow)]
)
def test_reverb_is_reached_past_a_proxy(where, monkeypatch):
  for name in ('grpc_proxy', 'https_proxy', 'http_proxy'):
    monkeypatch.setenv(name, 'http://127.0.0.1:9')  # No process listens there.
  # The end of the test undoes what the program adds.
  monkeypatch.setenv('no_grpc_proxy', 'corp.org')
  program, _ = helpers.program(
      counter=node(helpers.Counter, -41),
      replay=lambda _: lp.ReverbNode(helpers.make_tables),
      writer=node(helpers.Tables, 'replay', 'counter'),
      waits=node(helpers.Waits, 'counter', 1),
  )
  launch.launch(program, f'local_{where}')  # It ends once the table was read.
  first, *rest = os.environ['no_grpc_proxy'].split(',')
  # Processes add loopback to their own variable.
  assert first == 'corp.org' and ('127.0.0.1' in rest) == (where == 'mt')


def test_a_reverb_that_does_not_answer_ends_the_program(monkeypatch):
  monkeypatch.setattr(connections, 'ANSWER_S', 0.1)
  with socket.create_server(('127.0.0.1', 0)) as server:
    address = f'localhost:{server.getsockname()[1]}'
    program, handles = helpers.program(
        counter=node(helpers.Counter), replay=node(helpers.Address, address)
    )
    with program.group('writer'):
      program.add_node(
          lp.CourierNode(
              helpers.Tables,
              nodes.ReverbHandle(handles['replay'].address),
              handles['counter'],
          )
      )
    with pytest.raises(
        supervisor.ProgramError,
        match=(
            "^writer/0 could not be constructed: ConnectionError: Reverb's server "
            f'at {address} does not answer within 0.1 s'
        ),
    ):
      launch.launch(program, 'local_mt')


def test_a_failed_node_is_restarted(capsys):
  program, _ = helpers.program(
      counter=node(helpers.Counter), failing=node(helpers.Failing, 'counter', 2)
  )
  launch.launch(program, 'local_mt')
  lines = capsys.readouterr().err.splitlines()
  assert lines == [
      'failing/0 failed (ArithmeticError: failure 1); failing/0 will be '
      'restarted in 0.5 s.',
      'failing/0 failed (ArithmeticError: failure 2); failing/0 will be '
      'restarted in 1 s.',
  ]


@pytest.mark.slow
def test_a_killed_process_is_restarted(capfd):
  program, _ = helpers.program(
      counter=node(helpers.Counter), killed=node(helpers.Killed, 'counter', 1)
  )
  launch.launch(program, 'local_mp')
  assert 'killed/0 will be restarted in 0.5 s.' in capfd.readouterr().err


@pytest.mark.slow
def test_of_what_ray_prints_only_what_nodes_say_is_shown(capfd):
  program, _ = helpers.program(
      one=node(helpers.Speaker), two=node(helpers.Speaker)
  )
  manager = launch.launch(program, 'test_mp')
  out, err = [], []

  def both_have_spoken():
    more = capfd.readouterr()
    out.extend(more.out.splitlines())
    err.extend(more.err.splitlines())
    return len(out) + len(err) >= 4

  try:
    wait_for(both_have_spoken)
  finally:
    manager.stop()
  both_have_spoken()
  assert sorted(out) == ['(one/0) said', '(two/0) said']
  assert sorted(err) == ['(one/0) complained', '(two/0) complained']


@pytest.mark.slow
def test_one_that_fails_again_and_again_ends_the_program():
  program, _ = helpers.program(
      counter=node(helpers.Counter), failing=node(helpers.Failing, 'counter', 9)
  )
  with pytest.raises(supervisor.ProgramError) as error:
    launch.launch(program, 'local_mt')
  sentence, _, details = str(error.value).partition('\n\n')
  # The first failure: what comes after may be a consequence.
  assert sentence == (
      'failing/0 failed 5 times; the first time: ' 'ArithmeticError: failure 1'
  )
  assert details.startswith('Traceback') and 'failure 1' in details


@BOTH_SLOWLY
def test_one_that_cannot_be_constructed_ends_the_program_at_once(where):
  program, _ = helpers.program(
      counter=node(helpers.Counter), unmakeable=node(helpers.Unmakeable)
  )
  with pytest.raises(
      supervisor.ProgramError,
      match=(
          'unmakeable/0 could not be constructed: ValueError: wants another'
      ),
  ):
    launch.launch(program, f'local_{where}')


def test_dependents_of_reverb_are_restarted_with_it():
  """Its clients would wait for a server that is no more."""
  program, _ = helpers.program(
      counter=node(helpers.Counter),
      replay=lambda _: lp.ReverbNode(helpers.make_tables),
      writer=node(helpers.Tables, 'replay', 'counter'),
  )
  made = supervisor.Supervisor(
      program, _FakeEngine(), notice_s=0.0, log=lambda line: None
  )
  assert made._dependents('replay/0') == ['writer/0']
  assert made._dependents('counter/0') == []


class _FakeEngine:

  def bind(self, name, node):
    pass


def test_nodes_hear_of_the_end():
  heard = threading.Event()
  lp.register_stop_handler(heard.set)
  try:
    program, _ = helpers.program(counter=node(helpers.Counter))
    manager = launch.launch(program, 'test_mt')
    assert not lp.stop_event().is_set()
    manager.stop()
    assert lp.stop_event().is_set() and heard.is_set()
    assert lp.wait_for_stop(0.0)
  finally:
    lp.unregister_stop_handler(heard.set)


def test_the_end_does_not_wait_for_one_that_does_not_hear(monkeypatch):
  monkeypatch.setattr(
      launch.flags.FLAGS['lp_termination_notice_secs'], 'value', 1
  )
  program, _ = helpers.program(
      deaf=node(helpers.Deaf),
      counter=node(helpers.Counter),
      caller=node(helpers.Caller, 'counter', 1),
  )
  begin = time.monotonic()
  launch.launch(program, 'local_mt')
  assert time.monotonic() - begin < 20.0


def test_a_disabled_run_answers_calls_alone():
  program, handles = helpers.program(
      counter=node(helpers.Counter), caller=node(helpers.Once, 'counter')
  )
  program.groups['caller'][0].disable_run()
  manager = launch.launch(program, 'test_mt')
  time.sleep(0.5)
  try:
    assert handles['counter'].dereference().add(0) == 0
    handles['caller'].dereference().run()
    assert handles['counter'].dereference().add(0) == 1
  finally:
    manager.stop()


def test_a_cacher_answers_with_what_was_answered_before():
  program, handles = helpers.program(
      counter=node(helpers.Counter),
      cacher=lambda handles: lp.CacherNode(
          handles['counter'], refresh_interval_ms=500
      ),
  )
  manager = launch.launch(program, 'test_mt')
  try:
    cacher = handles['cacher'].dereference()
    assert [cacher.add(1), cacher.add(1), cacher.add(2)] == [1, 1, 3]
    time.sleep(0.6)
    assert cacher.add(1) == 4
  finally:
    manager.stop()


def test_a_node_belongs_to_one_group():
  program = lp.Program('test')
  with pytest.raises(ValueError, match='needs one group'):
    program.add_node(lp.CourierNode(helpers.Counter))
  program.add_node(lp.CourierNode(helpers.Counter), label='a')
  with program.group('a'):
    program.add_node(lp.CourierNode(helpers.Counter))
    with pytest.raises(ValueError, match="'b' cannot begin inside group 'a'"):
      with program.group('b'):
        pass
  assert [len(group) for group in program.groups.values()] == [2]


def test_a_handle_needs_its_program_launched():
  _, handles = helpers.program(counter=node(helpers.Counter))
  with pytest.raises(RuntimeError, match='before its program was launched'):
    handles['counter'].dereference()


@pytest.mark.parametrize(
    'address, error, words',
    [
        ('here', ValueError, "got 'here', want HOST:PORT"),
        (
            '127.0.0.1:9',
            ConnectionError,
            'no Ray cluster answers at 127.0.0.1:9',
        ),
    ],
)
def test_a_cluster_has_to_be_there(address, error, words):
  program, _ = helpers.program(counter=node(helpers.Counter))
  with pytest.raises(error, match=words):
    launch.launch(program, 'local_mp', ray_address=address)


def test_an_unknown_launch_type_is_refused():
  program, _ = helpers.program(counter=node(helpers.Counter))
  with pytest.raises(ValueError, match='local_docker'):
    launch.launch(program, 'local_docker')
