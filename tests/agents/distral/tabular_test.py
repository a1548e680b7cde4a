"""Soft Q-learning in tables against brute force, and its alternation."""

from distillery.agents.distral import soft_q_learning
from distillery.agents.distral import tabular
from distillery.environments import two_rooms
import numpy as np
import pytest

GAMMA = 0.9
STEPS = 400  # GAMMA ** STEPS is nothing.


def random_tables(seed=0, num_tasks=3, num_states=6, num_actions=3):
  rng = np.random.default_rng(seed)
  shape = (num_tasks, num_states, num_actions)
  return tabular.Tables(
      next_state=rng.integers(num_states, size=shape[1:]),
      reward=rng.normal(size=shape),
      discount=(rng.random(shape) > 0.1).astype(float),
      start=rng.dirichlet(np.ones(num_states), size=num_tasks),
  )


def uniform_log_prior(tables):
  return np.full(tables.reward.shape[1:], -np.log(tables.reward.shape[-1]))


def objective(tables, policy, log_prior, alpha, beta):
  """Equation 1 of each task: R + alpha/beta log pi_0 - 1/beta log pi."""
  costs = (np.log(policy) - alpha * log_prior) / beta
  return tabular.expected_return(tables, policy, GAMMA, STEPS, costs)


def test_soft_value_is_the_logarithm_of_the_sum_and_does_not_overflow():
  q = np.array([[0.3, -0.2, 0.1]])
  log_prior = np.log([[0.5, 0.2, 0.3]])
  want = np.log((np.exp(log_prior) ** 0.7 * np.exp(2.0 * q)).sum()) / 2.0
  got = tabular.soft_value(q, log_prior, alpha=0.7, beta=2.0)
  assert got.item() == pytest.approx(want)
  # The maximum that is subtracted has to come back.
  far = tabular.soft_value(q + 1e6, log_prior, alpha=0.7, beta=2.0)
  assert far.item() == pytest.approx(want + 1e6)


def test_cold_soft_q_iteration_is_value_iteration():
  tables = random_tables()
  hard = np.zeros_like(tables.reward)
  for _ in range(STEPS):
    hard = tabular.backup(tables, hard.max(axis=-1), GAMMA)
  soft = tabular.soft_q_iteration(
      tables, uniform_log_prior(tables), alpha=1.0, beta=1e5, gamma=GAMMA
  )
  np.testing.assert_allclose(soft, hard, atol=1e-3)


@pytest.mark.parametrize('alpha', [0.0, 0.5, 1.0])
def test_the_soft_policy_is_the_best_and_its_value_is_the_objective(alpha):
  tables, beta = random_tables(), 3.0
  log_prior = np.log(np.random.default_rng(1).dirichlet(np.ones(3), size=6))
  q = tabular.soft_q_iteration(
      tables, log_prior, alpha=alpha, beta=beta, gamma=GAMMA
  )
  policy = tabular.soft_policy(q, log_prior, alpha=alpha, beta=beta)
  np.testing.assert_allclose(policy.sum(axis=-1), 1.0)
  best = objective(tables, policy, log_prior, alpha, beta)
  value = tabular.soft_value(q, log_prior, alpha=alpha, beta=beta)
  np.testing.assert_allclose(best, (tables.start * value).sum(axis=-1))
  rng = np.random.default_rng(2)
  for _ in range(50):
    other = policy * np.exp(rng.normal(scale=0.3, size=policy.shape))
    other /= other.sum(axis=-1, keepdims=True)
    assert (objective(tables, other, log_prior, alpha, beta) < best).all()


def test_occupancy_is_that_of_the_linear_system():
  tables = random_tables()
  policy = np.random.default_rng(3).dirichlet(np.ones(3), size=(3, 6))
  got = tabular.occupancy(tables, policy, GAMMA, STEPS)
  for k in range(3):
    moves = np.zeros((6, 6))
    for s in range(6):
      for a in range(3):
        moves[s, tables.next_state[s, a]] += (
            policy[k, s, a] * tables.discount[k, s, a]
        )
    want = np.linalg.solve(np.eye(6) - GAMMA * moves.T, tables.start[k])
    np.testing.assert_allclose(got[k], want)


@pytest.mark.parametrize('alpha', [0.5, 1.0])
def test_alternating_only_ever_raises_the_objective(alpha):
  tables, beta = random_tables(), 3.0
  log_prior, last = uniform_log_prior(tables), -np.inf
  for _ in range(15):
    q = tabular.soft_q_iteration(
        tables, log_prior, alpha=alpha, beta=beta, gamma=GAMMA
    )
    policy = tabular.soft_policy(q, log_prior, alpha=alpha, beta=beta)
    after_q = objective(tables, policy, log_prior, alpha, beta).sum()
    log_prior = tabular.distilled(
        tabular.occupancy(tables, policy, GAMMA, STEPS), policy
    )
    after_pi0 = objective(tables, policy, log_prior, alpha, beta).sum()
    assert last - 1e-9 <= after_q <= after_pi0 + 1e-9
    last = after_pi0
  assert (
      after_q
      > objective(
          tables,
          np.full_like(policy, 1.0 / 3.0),
          uniform_log_prior(tables),
          alpha,
          beta,
      ).sum()
  )


def test_one_task_by_itself_becomes_greedy_where_it_goes():
  tables = random_tables(num_tasks=1)
  log_prior = uniform_log_prior(tables)
  for _ in range(300):
    q = tabular.soft_q_iteration(
        tables, log_prior, alpha=1.0, beta=3.0, gamma=GAMMA
    )
    policy = tabular.soft_policy(q, log_prior, alpha=1.0, beta=3.0)
    weights = tabular.occupancy(tables, policy, GAMMA, STEPS)
    log_prior = np.log(
        np.maximum(np.exp(tabular.distilled(weights, policy)), 1e-30)
    )
  visited = weights[0] > 0.01
  assert (policy[0][visited].max(axis=-1) > 0.99).all()


def test_without_the_kl_the_prior_makes_no_difference():
  tables = random_tables()
  other = np.log(np.random.default_rng(4).dirichlet(np.ones(3), size=6))
  got, want = (
      tabular.soft_q_iteration(
          tables, log_prior, alpha=0.0, beta=3.0, gamma=GAMMA
      )
      for log_prior in (other, uniform_log_prior(tables))
  )
  np.testing.assert_allclose(got, want)


def learner(seeds, *, distils=True, num_iterations=20, **settings):
  tables = two_rooms.make_tables(two_rooms.draw_goals(4, seeds))
  made = soft_q_learning.SoftQLearner(
      soft_q_learning.SoftQConfig(**settings), tables, seeds, distils=distils
  )
  for _ in range(num_iterations):
    made.iterate()
  return made, tables


def test_a_seed_does_not_depend_on_the_others():
  both, _ = learner([3, 5])
  alone, _ = learner([5])
  np.testing.assert_array_equal(both.q[1], alone.q[0])
  np.testing.assert_array_equal(both.log_prior[1], alone.log_prior[0])


def test_the_distilled_policy_is_the_mean_of_those_that_were_there():
  made, _ = learner(
      [0],
      num_iterations=0,
      rollout_length=3,
      count_decay=0.9,
      pseudo_count=0.1,
      beta=5.0,
  )
  counts = np.zeros_like(made.log_prior[0])
  for _ in range(200):
    seen, act = [], made._act
    made._act = lambda act=act, seen=seen: seen.append(act()) or seen[-1]
    before = made.log_prior[0].copy()
    made.iterate()
    made._act = act
    # The policy comes from Q after the sweep and pi_0 before its distillation.
    policy = tabular.soft_policy(made.q[0], before, alpha=1.0, beta=5.0)
    counts *= 0.9
    for state, _ in seen:
      for k in range(4):
        counts[state[0, k]] += policy[k, state[0, k]]
    want = (counts + 0.1) / (counts + 0.1).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(np.exp(made.log_prior[0]), want)
  assert (np.exp(made.log_prior) > 0.26).any()


def test_separate_learners_keep_a_uniform_prior():
  made, _ = learner([0], distils=False)
  np.testing.assert_allclose(made.log_prior, -np.log(4.0))


def test_distilling_learns_faster_than_separate_learners():
  returns = {}
  for distils in (True, False):
    made, tables = learner(range(6), distils=distils, num_iterations=600)
    returns[distils] = tabular.expected_return(
        tables, made.policy(), 1.0, 100
    ).mean(axis=1)
  uniform = tabular.expected_return(
      tables, np.full_like(made.policy(), 0.25), 1.0, 100
  ).mean(axis=1)
  assert (returns[False] > uniform + 0.1).all()
  assert (returns[True] > returns[False]).sum() >= 5


@pytest.mark.parametrize(
    'settings',
    [
        dict(beta=-1.0),
        dict(discount=1.0),
        dict(rollout_length=0),
        dict(learning_rate=2.0),
    ],
)
def test_settings_out_of_range_are_refused(settings):
  with pytest.raises(ValueError, match=list(settings)[0]):
    soft_q_learning.SoftQConfig(**settings)


@pytest.mark.parametrize(
    'call, words',
    [
        (
            lambda t: tabular.soft_value(
                t.reward[0], np.zeros(t.reward.shape), alpha=1.0, beta=1.0
            ),
            r'log_prior: got shape \(3, 6, 3\), want what broadcasts to',
        ),
        (
            lambda t: tabular.backup(t, np.zeros(6), 0.9),
            r'value: got shape \(6,\), want \(3, 6\)',
        ),
        (
            lambda t: tabular.backup(t, np.zeros((3, 9)), 0.9),
            'value: got shape',
        ),
        (
            lambda t: tabular.occupancy(t, np.ones((6, 3)), 0.9, 2),
            'policy: got shape',
        ),
        (
            lambda t: tabular.expected_return(t, np.ones((3, 6, 1)), 0.9, 2),
            'policy: got shape',
        ),
        (
            lambda t: tabular.expected_return(
                t, np.ones(t.reward.shape), 0.9, 2, np.zeros(3)
            ),
            'costs: got shape',
        ),
        (
            lambda t: tabular.distilled(np.ones((3, 6)), np.ones((1, 6, 3))),
            'policy: got shape',
        ),
        (
            lambda t: tabular.distilled(np.ones(6), np.ones((6, 3))),
            'policy: got shape',
        ),
        (
            lambda t: soft_q_learning.SoftQLearner(
                soft_q_learning.SoftQConfig(), t, [0], distils=True
            ),
            r'tables: got rewards of shape \(3, 6, 3\), want \[R, K, S, A\] with R =',
        ),
    ],
)
def test_shapes_that_would_broadcast_are_refused(call, words):
  with pytest.raises(ValueError, match=words):
    call(random_tables())
