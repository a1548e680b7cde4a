"""A program on two machines: two network namespaces stand for them.

Needs root, which alone may make network namespaces.
"""

import contextlib
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from distillery.distributed import nodes
from helpers import program_runs
import psutil
import pytest

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.geteuid() != 0, reason='network namespaces need root'
    ),
]
HEAD, WORKER = 'distillery-head', 'distillery-worker'
HEAD_IP, WORKER_IP, PORT = '10.201.0.1', '10.201.0.2', 6399
RAY = pathlib.Path(sys.executable).with_name('ray')
# Until both machines have joined.
_WAIT = f"""
import time, ray
ray.init(address='{HEAD_IP}:{PORT}', log_to_driver=False)
while sum(node['Alive'] for node in ray.nodes()) < 2:
  time.sleep(.5)
"""


def ip(*arguments):
  subprocess.run(['ip', *arguments], check=True)


def inside(namespace, *command):
  return ['ip', 'netns', 'exec', namespace, *map(str, command)]


@pytest.fixture(name='machines')
def fixture_machines():
  with contextlib.ExitStack() as stack:
    # The name is short, because Ray makes sockets in it.
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix='ray'))
    for namespace in (HEAD, WORKER):
      ip('netns', 'add', namespace)
      stack.callback(ip, 'netns', 'del', namespace)
    ip(
        'link',
        'add',
        'eth0',
        'netns',
        HEAD,
        'type',
        'veth',
        'peer',
        'name',
        'eth0',
        'netns',
        WORKER,
    )
    for namespace, address in ((HEAD, HEAD_IP), (WORKER, WORKER_IP)):
      ip('-n', namespace, 'addr', 'add', f'{address}/24', 'dev', 'eth0')
      ip('-n', namespace, 'link', 'set', 'eth0', 'up')
      ip('-n', namespace, 'link', 'set', 'lo', 'up')
    start = f'exec {RAY} start --block --num-cpus=1'
    for namespace, command in (
        (
            HEAD,
            f'{start} --head --port={PORT} --node-ip-address={HEAD_IP} '
            f'--temp-dir={folder} --include-dashboard=false',
        ),
        # Another machine has another disk, where Ray's sockets are.
        (
            WORKER,
            f'mount -t tmpfs tmpfs {folder} && {start} '
            f'--address={HEAD_IP}:{PORT} --node-ip-address={WORKER_IP}',
        ),
    ):
      daemon = subprocess.Popen(
          inside(namespace, 'unshare', '--mount', 'sh', '-c', command),
          stdout=subprocess.DEVNULL,
          stderr=subprocess.DEVNULL,
      )
      stack.callback(daemon.wait)
      stack.callback(daemon.terminate)
      time.sleep(10.0)  # A worker gives up on a head that does not answer.
    subprocess.run(
        inside(HEAD, sys.executable, '-c', _WAIT), check=True, timeout=120.0
    )
    yield


def test_actors_are_spread_over_machines(machines, tmp_path):
  path = tmp_path / 'run'
  launcher = subprocess.Popen(
      inside(
          HEAD,
          sys.executable,
          program_runs.__file__,
          'sac',
          path,
          3_000,
          'local_mp',
          f'--address={HEAD_IP}:{PORT}',
      ),
      cwd=tmp_path,
  )
  namespaces, folders = {}, {}
  while launcher.poll() is None:
    for process in psutil.process_iter():
      with contextlib.suppress(psutil.Error, OSError):
        node = process.environ().get(nodes.NODE_VARIABLE)
        if node:
          namespaces.setdefault(node, set()).add(
              os.readlink(f'/proc/{process.pid}/ns/net')
          )
          folders[node] = process.cwd()
    with contextlib.suppress(subprocess.TimeoutExpired):
      launcher.wait(timeout=1.0)
  assert launcher.returncode == 0
  with open(path / 'evaluation.csv', newline='') as f:
    assert int(list(csv.DictReader(f))[-1]['env_steps']) >= 3_000
  # Relative paths hold, wherever the cluster was begun.
  assert set(folders.values()) == {str(tmp_path)}
  # The nodes that do not act stay together, and the actors do not.
  (head,) = namespaces['learner/0']
  assert namespaces['replay/0'] == namespaces['evaluator/0'] == {head}
  actors = namespaces['actor/0'] | namespaces['actor/1']
  assert len(actors) == 2 and head in actors
