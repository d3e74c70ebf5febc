"""One change of plain JSON, an error or a workitem is one finding."""

import pytest

from tests.parity.cases import (
    BREAKING,
    COMMENTS,
    ELSEWHERE,
    MINOR,
    Case,
    discard,
    findings,
    first,
    ids,
    item_of,
    swap,
    update_of_a_date,
)
from tests.parity.mutating import both, drop_header, edit_body, edit_header, edit_json, set_body, set_header
from tests.parity.twins import Twins, a_bulk_update, a_new_workitem, a_tag

DOCUMENTS = (
    Case(
        "operation elsewhere",
        a_bulk_update,
        edit_json(lambda document: discard(document.update(href=f"{ELSEWHERE}/operations/{document['id']}"))),
        BREAKING,
        "json:$.href",
        "value",
    ),
    Case(
        "id of an operation",
        lambda: a_tag(0x1010),
        edit_json(lambda document: discard(document.update(id="7"))),
        BREAKING,
        "json:$.id",
        "value",
    ),
    Case(
        "extra member",
        "tag",
        edit_json(lambda document: discard(document.update(more=1))),
        BREAKING,
        "json:$.more",
        "missing",
    ),
    Case(
        "missing member",
        "tag",
        edit_json(lambda document: discard(document.pop("queryStatus"))),
        BREAKING,
        "json:$.queryStatus",
        "extra",
    ),
    Case(
        "status of a tag",
        "tags",
        first(lambda item: discard(item.update(status="adding"))),
        BREAKING,
        "json:$[*].status",
        "value",
    ),
    Case(
        "type of a member",
        "tag",
        edit_json(lambda document: discard(document.update(vr=7))),
        BREAKING,
        "json:$.vr",
        "type",
    ),
    Case("missing tag", "tags", edit_json(lambda document: []), BREAKING, "json:$[*]", "extra"),
    Case("action", "feed", first(lambda item: item.update(action="Update")), BREAKING, "json:$[*].action", "value"),
    Case("state", "feed", first(lambda item: item.update(state="Replaced")), BREAKING, "json:$[*].state", "value"),
    Case("gap", "feed", edit_json(lambda entries: entries[:2] + entries[3:]), BREAKING, "json:$[*]", "extra"),
    Case(
        "sequence",
        "feed",
        edit_json(lambda entries: discard(entries[2].update(sequence=1))),
        BREAKING,
        "json:$[*].sequence",
        "order",
    ),
    Case(
        "type of a sequence",
        "latest",
        edit_json(lambda entry: discard(entry.update(sequence="1"))),
        BREAKING,
        "json:$.sequence",
        "type",
    ),
    Case(
        "shapeless time",
        "latest",
        edit_json(lambda entry: discard(entry.update(timestamp="yesterday"))),
        BREAKING,
        "json:$.timestamp",
        "shape",
    ),
    Case("order of changes", "feed", edit_json(swap), MINOR, "json:$[*]", "order"),
    Case(
        "attribute of a change",
        "feed",
        first(lambda item: item["metadata"]["00080060"].update(Value=["MR"])),
        BREAKING,
        "json:$[*].metadata:dicom:00080060",
        "value",
    ),
    Case(
        "partition",
        "latest",
        edit_json(lambda entry: discard(entry.update(partitionName="other"))),
        BREAKING,
        "json:$.partitionName",
        "value",
    ),
)
ERRORS = (
    Case("other words", "no-study", set_body(b"Nothing here."), MINOR, "body", "text"),
    Case(
        "other number in a message",
        "bad-query",
        edit_body(lambda body: body.replace(b"200", b"1000")),
        MINOR,
        "body",
        "text-values",
    ),
    Case(
        "refused update",
        update_of_a_date,
        edit_json(lambda document: discard(item_of(document, COMMENTS)["00000902"].update(Value=["no"]))),
        MINOR,
        f"dicom:{COMMENTS}[*].00000902",
        "text",
    ),
    Case(
        "JSON error as text",
        "no-workitem",
        both(edit_body(lambda body: body.strip(b'"')), set_header("Content-Type", "text/plain")),
        BREAKING,
        "header:Content-Type",
        "value",
    ),
    Case("words of a workitem error", "no-workitem", set_body(b'"Where is it?"'), MINOR, "json:$", "text"),
)
WORKITEMS = (
    Case(
        "state of a workitem",
        "workitem",
        edit_json(
            lambda item: discard((item[0] if isinstance(item, list) else item)["00741000"].update(Value=["COMPLETED"]))
        ),
        BREAKING,
        "dicom:00741000",
        "value",
    ),
    Case(
        "workitem elsewhere",
        lambda: a_new_workitem("1.2.3.1"),
        set_header("Location", f"{ELSEWHERE}/workitems/1.2.3.1"),
        BREAKING,
        "header:Location",
        "value",
    ),
    Case(
        "other workitem",
        lambda: a_new_workitem("1.2.3.2"),
        edit_header("Location", lambda value: f"{value}.9"),
        BREAKING,
        "header:Location",
        "value",
    ),
    Case(
        "no Content-Location",
        lambda: a_new_workitem("1.2.3.3"),
        drop_header("Content-Location"),
        MINOR,
        "header:Content-Location",
        "extra",
    ),
    Case("body of a creation", lambda: a_new_workitem("1.2.3.4"), set_body(b"{}"), BREAKING, "body", "missing"),
)
CASES = (*DOCUMENTS, *ERRORS, *WORKITEMS)


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_one_change_is_one_finding(pair: Twins, case: Case) -> None:
    """Record-replay §10.2 and §16, check 10: each mutation is reported with exactly one fingerprint."""
    compared = pair.ask(case.request(), case.mutation, learns=False)
    assert (findings(compared), compared.verdict) == (case.findings, case.verdict)
