"""The tree of what a beam search considered, compared with a slow search in plain Python."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.records.text import END, PAD, START, BeamNode, BeamTree, Hypothesis
from regard.search import BeamRecorder, Ranking, beam_search, greedy_search
from tests.search.tables import Table, random_table, total_of, with_weights

LIMIT = 6


def searched(table: Table, beam: int, number: int, ranking: Ranking) -> tuple[Hypothesis, BeamTree]:
    recorder = BeamRecorder(ranking, number)
    ((best,),) = beam_search(table, [LIMIT], beam, ranking, observer=recorder)
    return best, recorder.tree(best.ids, lambda ids: [str(token) for token in ids])


def paths(tree: BeamTree) -> dict[int, tuple[int, ...]]:
    """The tokens from the start to each node; -1 is the start."""
    found: dict[int, tuple[int, ...]] = {-1: ()}
    for node in tree.nodes:
        found[node.id] = (*found[node.parent], int(node.token))
    return found


def possible(table: Table, ids: tuple[int, ...]) -> list[int]:
    """The possible next tokens, most probable first."""
    size = table.log_probabilities.shape[-1]
    tokens = [
        token for token in range(size) if token not in (PAD, START) and table.gain(0, ids, token) > -1e30
    ]
    return sorted(tokens, key=lambda token: table.gain(0, ids, token), reverse=True)


def steps_of(tree: BeamTree) -> list[list[BeamNode]]:
    """The nodes of each step."""
    last = max(node.step for node in tree.nodes)
    return [[node for node in tree.nodes if node.step == step] for step in range(last + 1)]


@given(
    seed=st.integers(0, 10_000),
    beam=st.integers(1, 4),
    number=st.integers(1, 5),
    forbidden=st.sampled_from([0.0, 0.5]),
)
@settings(max_examples=60, deadline=None)
def test_the_tree_is_what_the_search_did(seed: int, beam: int, number: int, forbidden: float) -> None:
    table, ranking = random_table(seed, forbidden=forbidden), Ranking(0.7)
    best, tree = searched(table, beam, number, ranking)
    assert tree.beam == beam
    assert best == beam_search(table, [LIMIT], beam, ranking)[0][0]
    assert [node.id for node in tree.nodes] == list(range(len(tree.nodes)))
    written = paths(tree)
    for node in tree.nodes:
        ids = written[node.id]
        assert node.parent < node.id
        assert node.step == len(ids) - 1
        assert node.finished == (ids[-1] == END)
        assert node.log_probability == pytest.approx(total_of(table, 0, ids), abs=1e-5)
        assert node.score == pytest.approx(node.log_probability / len(ids) ** 0.7, abs=1e-5)
    going, finished = [-1], 0
    for nodes in steps_of(tree):
        for parent in going:
            children = {written[node.id][-1] for node in nodes if node.parent == parent}
            kept = {written[node.id][-1] for node in nodes if node.parent == parent and node.kept}
            assert children == {*possible(table, written[parent])[:number], *kept}
        longer = [(*written[parent], token) for parent in going for token in possible(table, written[parent])]
        longer.sort(key=lambda ids: total_of(table, 0, ids), reverse=True)
        assert {written[node.id] for node in nodes if node.kept} == set(longer[: beam - finished])
        assert {node.parent for node in nodes} <= set(going)
        finished += sum(node.kept and node.finished for node in nodes)
        going = [node.id for node in nodes if node.kept and not node.finished]
    assert [written[node.id][-1] for node in tree.nodes if node.best] == list(best.ids)
    assert all(node.kept for node in tree.nodes if node.best)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_greedy_is_a_chain_with_the_rejected_candidates(seed: int) -> None:
    table = random_table(seed)
    best, tree = searched(table, 1, 3, Ranking())
    assert best.ids == greedy_search(table, [LIMIT])[0].ids
    for nodes in steps_of(tree):
        assert len(nodes) == 3
        assert [node.kept for node in nodes] == [True, False, False]
        assert [node.best for node in nodes] == [True, False, False]


@given(seed=st.integers(0, 10_000), beam=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_a_score_includes_the_coverage_penalty(seed: int, beam: int) -> None:
    table = with_weights(random_table(seed), seed, [4])
    best, tree = searched(table, beam, 3, Ranking(1.0, "gnmt", 0.4, (4,)))
    (leaf,) = [node for node in tree.nodes if node.best][-1:]
    assert leaf.score == pytest.approx(best.score, abs=1e-5)
    assert leaf.log_probability == pytest.approx(best.log_probability, abs=1e-5)
