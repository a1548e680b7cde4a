"""Lists the tasks of each Meta-World benchmark, in its order.

These are the lists of metaworld 3.1.1. They are copied here because the import
of metaworld takes a second, and a misspelt suite name should fail at once.
"""

from typing import Mapping, Tuple


def _tasks(names: str) -> Tuple[str, ...]:
  return tuple(f'{name}-v3' for name in names.split())


ALL = _tasks("""
    assembly basketball bin-picking box-close button-press-topdown
    button-press-topdown-wall button-press button-press-wall coffee-button
    coffee-pull coffee-push dial-turn disassemble door-close door-lock
    door-open door-unlock hand-insert drawer-close drawer-open faucet-open
    faucet-close hammer handle-press-side handle-press handle-pull-side
    handle-pull lever-pull pick-place-wall pick-out-of-hole pick-place
    plate-slide plate-slide-side plate-slide-back plate-slide-back-side
    peg-insert-side peg-unplug-side soccer stick-push stick-pull push
    push-wall push-back reach reach-wall shelf-place sweep-into sweep
    window-open window-close
""")

_TEN = _tasks("""
    reach push pick-place door-open drawer-open drawer-close
    button-press-topdown peg-insert-side window-open window-close
""")

_TWENTY_FIVE = _tasks("""
    reach push pick-place door-open drawer-open drawer-close
    button-press-topdown peg-insert-side window-open window-close
    coffee-pull pick-out-of-hole disassemble pick-place-wall basketball
    stick-pull button-press-wall faucet-open door-lock lever-pull sweep-into
    faucet-close coffee-button button-press-topdown-wall dial-turn
""")

_ML10_TRAIN = _tasks("""
    reach push pick-place door-open drawer-close button-press-topdown
    peg-insert-side window-open sweep basketball
""")

_ML45_TRAIN = _tasks("""
    assembly basketball button-press-topdown button-press-topdown-wall
    button-press button-press-wall coffee-button coffee-pull coffee-push
    dial-turn disassemble door-close door-open drawer-close drawer-open
    faucet-open faucet-close hammer handle-press-side handle-press
    handle-pull-side handle-pull lever-pull pick-place-wall pick-out-of-hole
    push-back pick-place plate-slide plate-slide-side plate-slide-back
    plate-slide-back-side peg-insert-side peg-unplug-side soccer stick-push
    stick-pull push-wall push reach-wall reach shelf-place sweep-into sweep
    window-open window-close
""")

# The tasks of the multi-task benchmarks, in which the goal is part of the
# observation.
MULTI_TASK: Mapping[str, Tuple[str, ...]] = {
    'MT10': _TEN,
    'MT25': _TWENTY_FIVE,
    'MT50': ALL,
}

# The train tasks and the test tasks of the meta-learning benchmarks, in which
# the goal is hidden. As in Meta-World, ML25 tests on basketball, which is also
# one of its train tasks.
META: Mapping[str, Tuple[Tuple[str, ...], Tuple[str, ...]]] = {
    'ML10': (
        _ML10_TRAIN,
        _tasks('drawer-open door-close shelf-place sweep-into lever-pull'),
    ),
    'ML25': (
        _TWENTY_FIVE,
        _tasks('basketball door-close shelf-place sweep button-press'),
    ),
    'ML45': (
        _ML45_TRAIN,
        _tasks('bin-picking box-close hand-insert door-lock door-unlock'),
    ),
}

# The tasks by difficulty, as Seo et al. (2022, "Masked World Models for Visual
# Control") group them, and LeRobot after them.
DIFFICULTY: Mapping[str, Tuple[str, ...]] = {
    'easy': _tasks("""
        button-press button-press-topdown button-press-topdown-wall
        button-press-wall coffee-button dial-turn door-close door-lock door-open
        door-unlock drawer-close drawer-open faucet-close faucet-open
        handle-press handle-press-side handle-pull handle-pull-side lever-pull
        plate-slide plate-slide-back plate-slide-back-side plate-slide-side
        reach reach-wall window-close window-open peg-unplug-side
    """),
    'medium': _tasks("""
        basketball bin-picking box-close coffee-pull coffee-push hammer
        peg-insert-side push-wall soccer sweep sweep-into
    """),
    'hard': _tasks("""
        assembly hand-insert pick-out-of-hole pick-place push push-back
    """),
    'very_hard': _tasks("""
        shelf-place disassemble stick-pull stick-push pick-place-wall
    """),
}
