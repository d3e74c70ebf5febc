"""Choosing among equal candidates: the timeline rule (record-replay §7.3)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from azdicom_proxy.cassette.model import Cassette, Interaction
from azdicom_proxy.cassette.naming import named
from azdicom_proxy.matching.player import Miss, MissKind, Order, Player, Repeat
from tests.proxy.made_cassettes import a_store, an_interaction
from tests.support.instances import an_instance

STUDY = "/studies/1.2.3"


def get(status: int = 200, path: str = STUDY) -> Interaction:
    return an_interaction(path=path, status=status)


def delete(path: str = STUDY, status: int = 204) -> Interaction:
    return an_interaction("DELETE", path, status=status)


def played(player: Player, *asked: Interaction) -> list[int | str]:
    """The statuses of the answers, the kinds of the misses."""
    answers = [player.play(interaction.request) for interaction in asked]
    return [str(answer.kind) if isinstance(answer, Miss) else answer.response.status for answer in answers]


def a_player(*interactions: Interaction, order: Order = Order.TIMELINE, repeat: Repeat = Repeat.SAFE) -> Player:
    cassette = Cassette(interactions=named(interactions), path=Path("c.yaml"))
    return Player(cassette, order=order, repeat=repeat)


TOUR = (get(200), delete(), get(404))

CONVERSATIONS: dict[str, tuple[tuple[Interaction, ...], tuple[Interaction, ...], list[int | str]]] = {
    "as recorded": (TOUR, TOUR, [200, 204, 404]),
    "first asked twice": (TOUR, (get(), get(), delete(), get()), [200, 200, 204, 404]),
    "last asked twice": (TOUR, (get(), delete(), get(), get()), [200, 204, 404, 404]),
    "deleted at once": (TOUR, (delete(), get(), get()), [204, 404, 404]),
    "never deleted": (TOUR, (get(), get(), get()), [200, 200, 200]),
    "deleted twice": (TOUR, (delete(), delete()), [204, "already played"]),
    "polling moves on": ((get(202), get(202), get(200)), (get(), get(), get(), get()), [202, 202, 200, 200]),
    "another study is no matter": (
        (get(200), delete("/studies/9.9"), get(202)),
        (get(), get(), get()),
        [200, 202, 202],
    ),
    "a search is about all studies": (
        (get(200, "/studies?a=1"), delete(), get(204, "/studies?a=1")),
        (get(path="/studies?a=1"), get(path="/studies?a=1"), delete(), get(path="/studies?a=1")),
        [200, 200, 204, 204],
    ),
    "what was recorded later only": ((delete(), get(404)), (get(), delete(), get()), [404, 204, 404]),
    "stored twice": (
        (an_interaction("POST", status=200), an_interaction("POST", status=409)),
        (an_interaction("POST"), an_interaction("POST"), an_interaction("POST")),
        [200, 409, "already played"],
    ),
}


@pytest.mark.parametrize(("recorded", "asked", "expected"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_answers_are_those_of_the_time_the_client_is_in(
    recorded: tuple[Interaction, ...], asked: tuple[Interaction, ...], expected: list[int | str]
) -> None:
    """record-replay §7.3, §16 check 8."""
    assert played(a_player(*recorded), *asked) == expected


def test_a_store_is_about_the_study_that_its_answer_names() -> None:
    """record-replay §7.3: a mutation that touched the same study."""
    mine, other = an_instance(StudyInstanceUID="1.2.3"), an_instance(StudyInstanceUID="9.9.9")

    for_mine = a_player(get(404), a_store(mine), get(200))
    for_other = a_player(get(404), a_store(other), get(200))

    assert played(for_mine, get(), get(), a_store(mine), get()) == [404, 404, 200, 200]
    assert played(for_other, get(), get()) == [404, 200]


def test_strict_order_takes_nothing_out_of_turn() -> None:
    """record-replay §7.3: `--order strict` demands exact recorded order."""
    player = a_player(*TOUR, order=Order.STRICT)

    assert played(player, delete(), get(), delete(), get(), get()) == [
        str(MissKind.OUT_OF_ORDER),
        200,
        204,
        404,
        str(MissKind.ALREADY_PLAYED),
    ]


def test_any_order_ignores_the_cursor() -> None:
    """record-replay §7.3: `--order any`."""
    assert played(a_player(*TOUR, order=Order.ANY), get(), get(), get(), delete()) == [200, 404, 404, 204]


@pytest.mark.parametrize(
    ("repeat", "expected"),
    [
        (Repeat.NONE, [200, "already played", 204, "already played"]),
        (Repeat.SAFE, [200, 200, 204, "already played"]),
        (Repeat.ALL, [200, 200, 204, 204]),
    ],
)
def test_repetition_can_be_set(repeat: Repeat, expected: list[int | str]) -> None:
    """record-replay §7.3: `--repeat none|safe|all`."""
    assert played(a_player(get(), delete(), repeat=repeat), get(), get(), delete(), delete()) == expected


def test_parallel_requests_never_get_the_same_episode() -> None:
    """record-replay §7.3: choosing and marking is one atomic step."""
    player = a_player(*(get(200 + number) for number in range(99)), repeat=Repeat.NONE)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: player.play(get().request), range(99)))

    statuses = [answer.response.status for answer in answers if not isinstance(answer, Miss)]
    assert sorted(statuses) == list(range(200, 299))


def test_unplayed_interactions_are_known_and_reset_forgets_what_was_played() -> None:
    """record-replay §7.4: at exit unplayed interactions are listed."""
    player = a_player(*TOUR)
    played(player, get())

    assert [each.id for each in player.unplayed()] == ["delete-study-0001", "wado-study-0002"]
    assert (player.played_count, player.interaction_count) == (1, 3)
    assert player.plays() == {"wado-study-0001": 1, "delete-study-0001": 0, "wado-study-0002": 0}

    player.reset()

    assert len(player.unplayed()) == 3
    assert played(player, *TOUR) == [200, 204, 404]


def test_what_is_recorded_meanwhile_joins() -> None:
    """record-replay §2: new_episodes replays what is known, records what is not."""
    player = a_player(get(200))
    (added,) = named([get(200, "/studies/7.7")])

    player.add(added)

    assert player.unplayed() == player.unplayed()[:1]
    assert played(player, get(path="/studies/7.7")) == [200]
