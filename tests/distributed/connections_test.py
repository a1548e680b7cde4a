"""Contact with Reverb's servers: past proxies, and never without a limit."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import types

from distillery.distributed import connections
from distillery.distributed import quiet
from helpers import program_helpers as helpers
import pytest
import reverb

ROOT = pathlib.Path(connections.__file__).resolve().parent.parent
PROXIES = (
    'grpc_proxy',
    'https_proxy',
    'http_proxy',
    'no_grpc_proxy',
    'no_proxy',
)


@pytest.fixture(name='set_proxies')
def fixture_set_proxies(monkeypatch):
  """Sets the variables that gRPC reads, and no others of them."""

  def set_proxies(**variables):
    for name in PROXIES:
      monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
      monkeypatch.setenv(name, value)

  yield set_proxies
  for name in PROXIES:  # What the code under test has set goes too.
    os.environ.pop(name, None)


@pytest.fixture(name='silent_port')
def fixture_silent_port():
  """Takes connections, and never answers."""
  with socket.create_server(('127.0.0.1', 0)) as server:
    yield server.getsockname()[1]


@pytest.fixture(name='impatient')
def fixture_impatient(monkeypatch):
  monkeypatch.setattr(connections, 'ANSWER_S', 0.1)
  monkeypatch.setattr(connections, '_SILENT_S', 0.1)


@pytest.mark.parametrize(
    'before, after',
    [
        (dict(), None),
        (dict(no_proxy='corp.org'), None),
        (dict(http_proxy='http://proxy:1'), 'localhost,127.0.0.1,::1,10.0.0.2'),
        (
            dict(https_proxy='http://proxy:1', no_proxy='.corp.org, localhost'),
            '.corp.org,localhost,127.0.0.1,::1,10.0.0.2',
        ),
        # An empty entry would be every host.
        (
            dict(grpc_proxy='http://proxy:1', no_proxy=',corp.org,'),
            'corp.org,localhost,127.0.0.1,::1,10.0.0.2',
        ),
        (
            dict(
                http_proxy='http://proxy:1',
                no_proxy='a',
                no_grpc_proxy='10.0.0.2',
            ),
            '10.0.0.2,localhost,127.0.0.1,::1',
        ),
    ],
)
def test_proxies_stay_in_force_but_for_the_hosts_of_a_run(
    set_proxies, before, after
):
  set_proxies(**before)
  for _ in range(2):  # What is there is not added again.
    connections.bypass_proxies('10.0.0.2')
  assert os.environ.get('no_grpc_proxy') == after
  for name, value in before.items():
    assert name == 'no_grpc_proxy' or os.environ[name] == value


@pytest.mark.parametrize('name', ['grpc_proxy', 'https_proxy', 'http_proxy'])
def test_a_server_is_reached_past_a_proxy(set_proxies, silent_port, name):
  set_proxies(**{name: f'http://127.0.0.1:{silent_port}', 'no_proxy': 'corp'})
  with quiet.quiet_native_code():
    server = reverb.Server(helpers.make_tables(), port=None)
    try:
      client = connections.connect(f'localhost:{server.port}')
      assert list(client.server_info(timeout=60)) == ['table']
    finally:
      server.stop()


@pytest.mark.parametrize('listens', [True, False])
def test_a_server_that_does_not_answer_is_named(
    impatient, set_proxies, silent_port, listens
):
  set_proxies(https_proxy='http://me:secret@proxy:1')
  port = silent_port if listens else 1
  with pytest.raises(
      ConnectionError,
      match=(
          f"Reverb's server at localhost:{port} does not answer within 0.1 s "
          rf"\({'it takes connections' if listens else '.*refused'}\); look at .*"
          r'`ip link set lo up`.* firewalls .* \(https_proxy set\)'
      ),
  ) as error:
    connections.connect(f'localhost:{port}')
  assert 'secret' not in str(error.value)


def answering():
  return types.SimpleNamespace(server_info=lambda timeout: {})


def silent():
  def server_info(timeout):
    raise reverb.errors.DeadlineExceededError('deadline')

  return types.SimpleNamespace(
      server_info=server_info, server_address='localhost:1'
  )


def test_a_call_may_take_long_while_the_server_answers(impatient):
  call = connections.PatientCaller(answering())
  assert not call(threading.Event().wait, 0.5)
  assert call(divmod, 7, 4) == (1, 3)
  with pytest.raises(ZeroDivisionError):
    call(divmod, 7, 0)
  assert call(divmod, 7, 4) == (1, 3)


def test_a_call_ends_when_the_server_is_silent(impatient):
  with pytest.raises(ConnectionError, match='localhost:1 does not answer'):
    connections.PatientCaller(silent())(threading.Event().wait)


def test_ctrl_c_is_heard_in_a_call():
  def native():
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()

  handler = signal.signal(signal.SIGINT, signal.default_int_handler)
  try:
    with pytest.raises(KeyboardInterrupt):
      connections.PatientCaller(answering())(native)
  finally:
    signal.signal(signal.SIGINT, handler)


def in_a_network_of_its_own(*command):
  try:
    return subprocess.run(
        ['unshare', '-rn', *command], capture_output=True, text=True
    )
  except FileNotFoundError:
    pytest.skip('there is no unshare')


CHECK = [
    sys.executable,
    '-c',
    """
from distillery.distributed import connections
try:
  connections.check_loopback()
except ConnectionError as error:
  print(error)
""",
]


def test_a_loopback_device_that_is_down_is_named():
  if in_a_network_of_its_own('true').returncode:
    pytest.skip('network namespaces are not allowed')
  said = in_a_network_of_its_own(*CHECK).stdout
  assert re.fullmatch(
      r'this machine does not reach itself at 127.0.0.1 \(.*unreachable\); '
      r'look at .*`ip link set lo up`.*\n',
      said,
  )
  assert subprocess.run(CHECK, capture_output=True).stdout == b''


def test_the_network_namespace_of_the_notes_has_a_loopback_device():
  if in_a_network_of_its_own('sh', '-c', 'ip link').returncode:
    pytest.skip('network namespaces are not allowed, or there is no ip')
  readme = (ROOT / 'docs' / 'notes.md').read_text(encoding='utf-8')
  (script,) = re.findall(
      r"^ *unshare -rn sh -c '(.* && exec) python launchers/", readme, re.M
  )
  result = in_a_network_of_its_own('sh', '-c', f'{script} "$@"', 'sh', *CHECK)
  assert (result.returncode, result.stdout, result.stderr) == (0, '', '')
