"""Runs one step for one service: its repetitions, requests, waits, expectations and captures."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from azdicom_proxy.cassette.naming import route_of
from azdicom_proxy.upstream_auth import TokenUnavailableError
from azdicom_scenarios import conditions, model
from azdicom_scenarios.model import Mark, Step
from azdicom_scenarios.running.bodies import BodyError
from azdicom_scenarios.running.captures import captured
from azdicom_scenarios.running.exchanges import Exchange
from azdicom_scenarios.running.expectations import Context, mismatches
from azdicom_scenarios.running.fault_rules import FaultRefusedError, in_force
from azdicom_scenarios.running.frames import frames_of
from azdicom_scenarios.running.preparing import claim
from azdicom_scenarios.running.results import Failure, Mismatch
from azdicom_scenarios.running.sending import Client
from azdicom_scenarios.running.side import Side, Stopping
from azdicom_scenarios.running.snapshots import Snapshots
from azdicom_scenarios.running.waiting import operation_end, retried
from azdicom_scenarios.variables import Scope, VariableError

MAX_AT_ONCE = 64


@dataclass(slots=True)
class Turn:
    """One repetition of a step. exchanges: its request's last, and the operation's last where one was waited for."""

    exchanges: list[Exchange] = field(default_factory=list)
    misses: list[Mismatch] = field(default_factory=list)
    captured: dict[str, Any] = field(default_factory=dict)
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Performed:
    """What became of a step on one side. skipped: why it did not run, "" if it did."""

    exchanges: tuple[Exchange, ...] = ()
    failures: tuple[Failure, ...] = ()
    skipped: str = ""


class StepRunner:
    """For one side of one run. snapshots: of the run."""

    def __init__(self, side: Side, snapshots: Snapshots, stopping: Stopping) -> None:
        self._side = side
        self._snapshots = snapshots
        self._stopping = stopping

    def perform(self, step: Step) -> Performed:
        """Raises StoppedError; what the scenario or the service does wrong is a failure of the step."""
        side = self._side
        try:
            if step.when is not None and not conditions.holds(conditions.parse(step.when.value), side.scope):
                return Performed(skipped=f"when: {step.when.value}")
            self._stopping.pause(step.sleep_s or 0)
            with in_force(step, side, self._route(step)):
                turns = list(self._turns(step))
        except (VariableError, conditions.ConditionError) as error:
            return _broken(step, side, step.when.mark if step.when is not None else step.mark, "when", str(error))
        except FaultRefusedError as error:
            return _broken(step, side, error.mark, "fault", str(error))
        exchanges = tuple(exchange for turn in turns for exchange in turn.exchanges)
        failures = tuple(
            Failure(
                step=step.number,
                title=step.title,
                mismatches=tuple(turn.misses),
                exchange=turn.exchanges[-1] if turn.exchanges else None,
                side=side.name,
                attempts=turn.attempts,
            )
            for turn in turns
            if turn.misses
        )
        return Performed(exchanges, failures)

    def _turns(self, step: Step) -> Iterator[Turn]:
        for number, item in enumerate(self._items(step)):
            named = {step.for_each.name: item} if step.for_each is not None else {}
            scopes = [
                self._side.scope.child(f"{step.number}.{number}.{index}", index=index, **named)
                for index in range(step.repeat)
            ]
            yield from self._at_once(step, scopes) if step.is_parallel else self._in_a_row(step, scopes)

    def _in_a_row(self, step: Step, scopes: list[Scope]) -> Iterator[Turn]:
        for scope in scopes:
            self._stopping.check()
            # What an earlier repetition captured is there for the next.
            scope.values.update(self._side.captured)
            yield self._kept(step, self._turn(step, scope, None))

    def _at_once(self, step: Step, scopes: list[Scope]) -> Iterator[Turn]:
        def turn(scope: Scope) -> Turn:
            client = self._side.new_client(self._side.endpoint.address.origin)
            try:
                return self._turn(step, scope, client)
            finally:
                client.close()

        with ThreadPoolExecutor(min(len(scopes), MAX_AT_ONCE), thread_name_prefix="step") as executor:
            for each in executor.map(turn, scopes):
                yield self._kept(step, each)

    def _kept(self, step: Step, turn: Turn) -> Turn:
        side = self._side
        for name, value in turn.captured.items():
            side.scope.values[name] = side.captured[name] = value
        for exchange in turn.exchanges:
            side.last = exchange
            side.creations.learn(exchange)
            if exchange.answer is not None:
                side.earlier[step.title] = exchange.answer
        return turn

    def _turn(self, step: Step, scope: Scope, client: Client | None) -> Turn:
        turn = Turn()
        try:
            if step.request is not None:
                self._exchange(step, step.request, scope, client, turn)
            if step.wait_operation is not None and not turn.misses:
                self._wait(step, turn)
            if not turn.misses and turn.exchanges:
                self._look(step, scope, turn)
        except VariableError as error:
            turn.misses.append(_mismatch(step.mark, "variable", "a value", str(error)))
        except BodyError as error:
            turn.misses.append(_mismatch(error.place.mark, "body", "a body to send", str(error)))
        except TokenUnavailableError as error:
            turn.misses.append(_mismatch(step.mark, "token", "an access token", str(error)))
        return turn

    def _exchange(self, step: Step, written: model.Request, scope: Scope, client: Client | None, turn: Turn) -> None:
        side = self._side
        origin, request = side.request(written, scope)
        refusal = side.creations.refusal(request, side.has)
        if refusal is not None:
            turn.misses.append(_mismatch(written.mark, "DELETE", "something of this run", refusal))
            return
        if isinstance(written.body, model.DicomBody) and side.creations.is_guarded:
            claim(side, [content for source in written.body.sources for content in side.maker(scope).files(source)])
        if client is not None and client.base != origin:
            client = None
        if step.retry is None:
            turn.exchanges.append(side.send(origin, request, client))
        else:
            until, context = step.retry.until, self._context(scope)
            exchange, misses, turn.attempts = retried(
                step.retry,
                lambda: side.send(origin, request, client),
                lambda each: mismatches(until, each, context),
                self._stopping,
            )
            turn.exchanges.append(exchange)
            turn.misses += misses
        if step.expect is None and turn.exchanges[-1].answer is None and not turn.misses:
            turn.misses.append(_mismatch(written.mark, "answer", "an answer", turn.exchanges[-1].trouble))

    def _wait(self, step: Step, turn: Turn) -> None:
        """For a step with a request, what it expects is of its own answer, which is looked at first."""
        assert step.wait_operation is not None
        started = turn.exchanges[-1] if turn.exchanges else self._side.last
        if started is None:
            turn.misses.append(_mismatch(step.mark, "operation", "an operation of the step before", "there is none"))
            return
        exchange, miss = operation_end(step.wait_operation, started, self._side, self._stopping)
        if exchange is not started:
            turn.exchanges.append(exchange)
        if miss is not None:
            turn.misses.append(miss)

    def _look(self, step: Step, scope: Scope, turn: Turn) -> None:
        exchange = turn.exchanges[0]
        if step.expect is not None:
            turn.misses += mismatches(step.expect, exchange, self._context(scope))
        if turn.misses or exchange.answer is None:
            return
        for capture in step.captures:
            value = captured(capture, exchange.answer, scope)
            if isinstance(value, Mismatch):
                turn.misses.append(value)
            else:
                turn.captured[capture.name] = scope.values[capture.name] = value

    def _items(self, step: Step) -> list[Any]:
        """Of `for_each`; one nothing without it. Raises VariableError."""
        if step.for_each is None:
            return [None]
        written = step.for_each.items
        if isinstance(written, tuple):
            return [self._side.scope.value(each.value) for each in written]
        text = written.value if "${" in written.value else f"${{{written.value}}}"
        items = self._side.scope.value(text)
        if not isinstance(items, list | tuple):
            raise VariableError(f"for_each: {written} is no list")
        return list(items)

    def _context(self, scope: Scope) -> Context:
        return Context(
            scope=scope,
            folder=scope.folder,
            earlier=self._side.earlier,
            snapshots=self._snapshots,
            frames_of=lambda alias: frames_of(self._side.instances(alias), alias),
        )

    def _route(self, step: Step) -> str:
        """Of the step's request, for fault rules that name none."""
        if step.request is None:
            return "**"
        return route_of(step.request.method, self._side.prefix + step.request.path.value.partition("?")[0])


def _broken(step: Step, side: Side, mark: Mark, what: str, actual: str) -> Performed:
    miss = _mismatch(mark, what, "something that can be run", actual)
    return Performed(failures=(Failure(step=step.number, title=step.title, mismatches=(miss,), side=side.name),))


def _mismatch(mark: Mark, what: str, expected: str, actual: str) -> Mismatch:
    return Mismatch(mark=mark, what=what, expected=expected, actual=actual)
