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


def test_resolved_leaves_what_was_given():
  run = run_options.RunOptions(run_dir='a', num_workers=3)
  assert run.resolved('distral') == run
