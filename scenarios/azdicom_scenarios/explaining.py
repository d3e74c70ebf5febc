"""Scenarios and their keys in plain words."""

from collections.abc import Iterator

from azdicom_scenarios import model
from azdicom_scenarios.findings import did_you_mean
from azdicom_scenarios.loading.kinds import (
    Choice,
    Free,
    Key,
    Kind,
    Literal,
    MatcherKind,
    Object,
    Ref,
    Scalar,
    Several,
    Table,
)
from azdicom_scenarios.loading.schema import OBJECTS


class UnknownKeyError(ValueError):
    """The text says what is like it."""


def explain_key(written: str) -> str:
    """Every key of that name, or the one at the end of a path such as `step.retry.for`. Raises UnknownKeyError."""
    *holders, name = written.strip(".").split(".")
    found = [(shape, key) for title, shape in OBJECTS.items() if _is_held(title, holders) and (key := shape.key(name))]
    if name in OBJECTS and not holders and not found:
        return _object(OBJECTS[name])
    if not found:
        known = {key.name for shape in OBJECTS.values() for key in shape.keys} | OBJECTS.keys()
        raise UnknownKeyError(f"there is no key '{written}'{did_you_mean(name, known)}")
    return "\n\n".join(_one_key(shape, key) for shape, key in found)


def kind_in_words(kind: Kind) -> str:
    """What a key takes, as in `a list of: a text`."""
    match kind:
        case Scalar():
            return kind.summary
        case Choice():
            return ", ".join(f"`{word}`" for word in kind.words)
        case Several():
            return f"{kind_in_words(kind.of)}, or a list" if kind.or_one else f"a list of: {kind_in_words(kind.of)}"
        case Table():
            return f"`name: value` {'once' if kind.is_single else 'lines'}; value: {kind_in_words(kind.value)}"
        case Ref():
            keys = f"keys of [{kind.name}]"
            return f"{kind_in_words(kind.shorthand)}, or {keys}" if kind.shorthand else keys
        case Free():
            return kind.value
        case Literal():
            return "a value"
        case MatcherKind():
            return "a value or a [matcher]"


def explain(scenario: model.Scenario) -> str:
    """What a scenario does, step by step."""
    lines = [scenario.name]
    lines += [f"  {scenario.description}"] if scenario.description else []
    lines += [f"  tags: {', '.join(scenario.tags)}"] if scenario.tags else []
    lines += [f"  not run on: {', '.join(sorted(scenario.settings.skip_on))}"] if scenario.settings.skip_on else []
    if scenario.parameters:
        lines.append(f"  runs {_times(len(scenario.parameters))}: {', '.join(row.id for row in scenario.parameters)}")
    lines += _section("Before", _fixtures(scenario.fixtures))
    lines += _section("Steps", [line for step in scenario.steps for line in _step(step)])
    lines += _section("In the end, whatever happened", [line for step in scenario.teardown for line in _step(step)])
    return "\n".join(lines)


def _is_held(title: str, holders: list[str]) -> bool:
    """Whether the object is what the last holder's key, or the object of that name, leads to."""
    if not holders:
        return True
    holder = holders[-1]
    if title == holder:
        return True
    keys = [key for shape in OBJECTS.values() for key in shape.keys if key.name == holder]
    return any(title in _targets(key.kind) for key in keys)


def _targets(kind: Kind) -> set[str]:
    match kind:
        case Ref():
            return {kind.name}
        case Several():
            return _targets(kind.of)
        case Table():
            return _targets(kind.value)
        case MatcherKind():
            return {"matcher"}
        case _:
            return set()


def _one_key(shape: Object, key: Key) -> str:
    lines = [f"{key.name}  ({shape.title.replace('`', '')}{', required' if key.is_required else ''})"]
    lines.append(f"  {key.summary}")
    lines.append(f"  takes: {kind_in_words(key.kind).replace('`', '')}")
    lines += [f"  default: {key.default}"] if key.default else []
    for target in sorted(_targets(key.kind)):
        lines.append(f"  keys of {target}: {', '.join(OBJECTS[target].names)}")
    return "\n".join(lines)


def _object(shape: Object) -> str:
    return "\n".join([shape.title.replace("`", ""), *(f"  {key.name:16} {key.summary}" for key in shape.keys)])


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _fixtures(fixtures: model.Fixtures) -> list[str]:
    lines = [f"stores the files {pattern}" for pattern in fixtures.dicom]
    preloaded = set(map(str, fixtures.preload))
    for study in fixtures.synthetic:
        series = study.spec.get("series")
        kinds = [str(each.get("modality", "CT")) for each in series if isinstance(each, dict)] if series else ["CT"]
        done = "makes and stores" if study.alias in preloaded else "makes"
        lines.append(f"{done} the study {study.alias} ({', '.join(kinds)})")
    lines += [f"creates the workitem {workitem.alias} of {workitem.file}" for workitem in fixtures.workitems]
    lines += [f"adds the extended query tag {tag.path} ({tag.level})" for tag in fixtures.extended_query_tags]
    lines += [f"uses the partition {partition}" for partition in fixtures.partitions]
    return lines


def _step(step: model.Step) -> Iterator[str]:
    yield f"{step.number}. {step.name or step.title}"
    if step.note:
        yield f"   note: {step.note}"
    if step.when:
        yield f"   only if {step.when}"
    if step.for_each:
        items = step.for_each.items
        over = str(items) if isinstance(items, model.Text) else ", ".join(map(str, items))
        yield f"   for each {step.for_each.name} of {over}"
    if step.sleep_s is not None:
        yield f"   waits {step.sleep_s:g} s"
    if step.request and (step.name or step.request.body or step.request.query or step.repeat > 1):
        yield f"   {_request(step)}"
    for fault in step.faults:
        yield f"   under the fault {fault.rule.get('name', fault.rule.get('do'))}"
    if step.expect:
        yield from (f"   expects {each}" for each in _expectations(step.expect))
    if step.retry:
        until = "; ".join(_expectations(step.retry.until)) or "an answer"
        yield f"   again every {step.retry.every_s:g} s, for {step.retry.for_s:g} s at most, until: {until}"
    if step.wait_operation:
        states = " or ".join(step.wait_operation.until)
        yield f"   waits for the operation to be {states}, {step.wait_operation.for_s:g} s at most"
    for capture in step.captures:
        yield f"   keeps {capture.name} from the {capture.locator} {capture.where}".rstrip()


def _request(step: model.Step) -> str:
    assert step.request is not None
    request = step.request
    query = "&".join(f"{name}={value}" for name, value in request.query)
    text = f"{request.method} {request.path}{'?' if query else ''}{query}"
    if request.body is not None:
        text += f" with {_body(request.body)}"
    if step.repeat > 1:
        text += f", {_times(step.repeat)}{' at once' if step.is_parallel else ''}"
    return text


def _body(body: model.Body) -> str:
    match body:
        case model.FileBody():
            return f"the file {body.file}"
        case model.JsonBody():
            return "JSON"
        case model.TextBody():
            return "a text"
        case model.Base64Body():
            return "bytes"
        case model.DicomBody():
            changed = " (changed)" if any(each.set or each.remove or each.raw for each in body.sources) else ""
            broken = f", broken: {body.defect.kind}" if body.defect else ""
            return f"the instances of {', '.join(str(each.source) for each in body.sources)}{changed}{broken}"
        case model.MultipartBody():
            return f"{len(body.parts)} parts"


def _expectations(expect: model.Expect) -> Iterator[str]:
    if expect.status:
        yield f"status {' or '.join(map(str, expect.status))}"
    for kind, matchers in (("header", expect.headers), ("json", expect.json)):
        yield from (f"{kind} {name}: {matcher(each)}" for name, each in matchers)
    if expect.dicom:
        where = ", ".join(f"{name}: {matcher(each)}" for name, each in expect.dicom.where)
        of = f" of the data set with {where}" if where else ""
        yield from (f"{name}{of}: {matcher(each)}" for name, each in expect.dicom.attributes)
    if expect.parts:
        yield f"{matcher(expect.parts.count)} parts" if expect.parts.count else "parts as described"
    if expect.image:
        yield "an image as described"
    if expect.body:
        yield "no body" if expect.body.is_empty else "the body as described"
    if expect.same_as:
        yield f"the same as step '{expect.same_as}'"
    if expect.max_time_s is not None:
        yield f"an answer within {expect.max_time_s:g} s"
    if expect.snapshot:
        yield f"the snapshot {expect.snapshot}"
    if expect.is_parity:
        yield "what the live service answers"


def matcher(given: model.Matcher) -> str:
    """A matcher in a few words."""
    match given:
        case model.Equals() | model.Contains():
            return f"{'contains ' if isinstance(given, model.Contains) else ''}{given.value}"
        case model.Not():
            return f"not {matcher(given.matcher)}"
        case model.Matches():
            return f"matches {given.pattern}"
        case model.Exists():
            return "is there" if given.expected else "is not there"
        case model.AnyOf():
            return " or ".join(map(matcher, given.matchers))
        case model.AllOf():
            return " and ".join(map(matcher, given.matchers))
        case model.Unordered():
            return f"in any order: {', '.join(map(matcher, given.matchers))}"
        case model.Length():
            return f"length {matcher(given.matcher)}"
        case model.Compare():
            return f"{given.order} {given.value}"
        case model.Approx():
            return f"{given.value} ± {given.tolerance}"
        case model.IsUid():
            return "a UID" if given.expected else "no UID"
        case model.HasType():
            return f"of type {given.type}"
        case model.HasVr():
            return f"VR {given.vr}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
