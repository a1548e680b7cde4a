"""The options of every launcher."""

from distillery.launchers.common import run_options
import pytest


@pytest.mark.parametrize(
    'wrong',
    [
        dict(num_env_steps=0),
        dict(evaluate_every=-1),
        dict(evaluation_episodes=0),
        dict(checkpoint_every=0),
        dict(seed=-1),
        dict(seed=2**32),
        dict(num_workers=-1),
        dict(env_timeout_s=0.0),
        dict(ray_address='here'),
        dict(ray_address=':8'),
        dict(resume=True),
    ],
)
def test_wrong_values_are_named(wrong):
  ((name, value),) = wrong.items()
  with pytest.raises(ValueError, match=f'^{name}(:| must) .*got '):
    run_options.RunOptions(**wrong)


def test_resolved_fills_in_what_depends_on_the_machine():
  run = run_options.RunOptions(suite='MT1/reach-v3', seed=4).resolved('distral')
  assert run.run_dir.startswith('runs/distral_MT1-reach-v3_seed4_20')
  assert run.num_workers == run_options.usable_cores() >= 1


def test_a_long_list_of_tasks_makes_a_name_that_a_directory_can_have():
  suite = 'MT/' + ','.join(f'task-{i}' for i in range(50))
  run_dir = run_options.RunOptions(suite=suite).resolved('distral').run_dir
  assert (
      run_dir.startswith('runs/distral_MT-task-0,task-1,')
      and '_seed0' in run_dir
  )
  assert len(run_dir) < 100


def test_resolved_leaves_what_was_given():
  run = run_options.RunOptions(run_dir='a', num_workers=3)
  assert run.resolved('distral') == run
