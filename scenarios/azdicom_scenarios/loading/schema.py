"""The schema of scenarios as one table: it drives conversion, suggestions, the JSON Schema, `explain` and the docs."""

from azdicom_scenarios.loading.kinds import (
    Choice,
    Flavour,
    Free,
    Group,
    Key,
    Literal,
    MatcherKind,
    Object,
    Ref,
    Scalar,
    Several,
    Table,
)

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
OPERATION_STATES = ("succeeded", "failed", "canceled")
TARGETS = ("emulator", "url", "live")
TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")

_TEXTS = Several(Scalar.TEXT)
_HEADERS = Table(Scalar.TEXT, Scalar.TEXT)
_MATCHER = MatcherKind()
_MATCHERS = Several(MatcherKind())
_HEADER_MATCHERS = Table(Scalar.TEXT, MatcherKind(Flavour.TEXT))
_DICOM_MATCHERS = Table(Scalar.TAG_PATH, MatcherKind(Flavour.DICOM))
_DICOM_VALUES = Table(Scalar.TAG_PATH, Free.WORDS)
_STEPS = Several(Ref("step"))

_MATCHER_KEYS = (
    Key("equals", Literal(), "The value is this one; a literal in place of a matcher means the same."),
    Key("not", _MATCHER, "The matcher below does not hold."),
    Key("contains", Literal(), "A text has this text, a list this item, an object these members."),
    Key("matches", Scalar.REGEX, "The whole text matches."),
    Key("exists", Scalar.BOOLEAN, "There is such a value, or there is none."),
    Key("any_of", _MATCHERS, "One of the matchers holds."),
    Key("all_of", _MATCHERS, "All of the matchers hold."),
    Key("length", MatcherKind(Flavour.JSON), "The number of characters, items or members."),
    Key("gt", Scalar.TEXT, "Greater than; as numbers where both are, else as texts."),
    Key("ge", Scalar.TEXT, "Greater or equal."),
    Key("lt", Scalar.TEXT, "Less than."),
    Key("le", Scalar.TEXT, "Less or equal."),
    Key("approx", Ref("approx"), "A number that is close."),
    Key("unordered", _MATCHERS, "A list of as many items, each matched by another matcher."),
    Key("uid", Scalar.BOOLEAN, "A valid UID, or none."),
    Key("type", Choice(TYPES), "The JSON type."),
    Key("vr", Scalar.TEXT, "The value representation."),
)

OBJECTS: dict[str, Object] = {
    "scenario": Object(
        "The whole file",
        (
            Key("name", Scalar.TEXT, "What the scenario is called; no two have the same name.", is_required=True),
            Key("description", Scalar.TEXT, "What it shows, in a sentence."),
            Key("tags", _TEXTS, "Words to choose scenarios by (`--tag`)."),
            Key("settings", Ref("settings"), "How it is run."),
            Key("parameters", Several(Ref("row")), "The scenario runs once for each row."),
            Key("vars", Table(Scalar.NAME, Scalar.TEXT), "Names for texts; each may use those above it."),
            Key("fixtures", Ref("fixtures"), "What is there before the steps."),
            Key("steps", _STEPS, "Requests in order, and what is expected of the answers.", is_required=True),
            Key("teardown", _STEPS, "Steps that always run in the end, also after a failure."),
            Key("parity", Several(Ref("parity rule")), "What differences from the live service mean here."),
        ),
    ),
    "settings": Object(
        "`settings`",
        (
            Key("base", Scalar.TEXT, "What paths are below, with a partition if there is one.", default="/v2"),
            Key("strict", Scalar.BOOLEAN, "Warnings of lint fail the scenario.", default="false"),
            Key("timeout", Scalar.DURATION, "How long an answer may take.", default="10s"),
            Key("skip_on", Several(Choice(TARGETS), or_one=True), "Targets on which it is not run."),
            Key("exclusive", Scalar.BOOLEAN, "It changes what all clients share: it runs alone.", default="false"),
            Key("config", Table(Scalar.SETTING, Scalar.TEXT), "Settings of an in-process emulator."),
        ),
    ),
    "row": Object(
        "A row of `parameters`",
        (Key("id", Scalar.NAME, "The row's name in reports: `scenario[id]`.", is_required=True),),
        others=Table(Scalar.NAME, Scalar.TEXT),
    ),
    "fixtures": Object(
        "`fixtures`",
        (
            Key("dicom", _TEXTS, "Files, or patterns of files, that are stored before the steps."),
            Key("synthetic", Several(Ref("study")), "Studies that are made up; only those in `preload` are stored."),
            Key("preload", Several(Scalar.NAME), "Aliases of synthetic studies that are stored before the steps."),
            Key("workitems", Several(Ref("workitem")), "Workitems that are created before the steps."),
            Key("extended_query_tags", Several(Ref("query tag")), "Extended query tags that are added."),
            Key("partitions", Several(Scalar.TEXT), "Data partitions that are used."),
        ),
    ),
    "study": Object(
        "A study of `synthetic`",
        (
            Key("study", Scalar.NAME, "Its alias: `${ct1.study}`, `${ct1.s[0].series}`.", is_required=True),
            Key("patient", Ref("patient"), "Whose study it is."),
            Key("date", Scalar.DICOM, "StudyDate, a DA value.", default="20240115"),
            Key("accession", Scalar.DICOM, "AccessionNumber."),
            Key("description", Scalar.DICOM, "StudyDescription.", default="Synthetic study"),
            Key("series", Several(Ref("series")), "Its series.", default="one CT series"),
        ),
    ),
    "patient": Object(
        "`patient` of a study",
        (
            Key("id", Scalar.DICOM, "PatientID.", default="SYN-001"),
            Key("name", Scalar.DICOM, "PatientName, a PN value.", default="Synthetic^Sam"),
            Key("birth_date", Scalar.DICOM, "PatientBirthDate, a DA value.", default="19700101"),
            Key("sex", Scalar.DICOM, "PatientSex: M, F or O.", default="O"),
        ),
    ),
    "series": Object(
        "A series of a study",
        (
            Key("modality", Scalar.TEXT, "CT, MR, US, CR, OT, SM, SEG, SR or DOC.", default="CT"),
            Key("instances", Scalar.COUNT_OR_VARIABLE, "How many instances.", default="1"),
            Key("rows", Scalar.COUNT_OR_VARIABLE, "Rows of each frame.", default="64"),
            Key("columns", Scalar.COUNT_OR_VARIABLE, "Columns of each frame.", default="64"),
            Key("frames", Scalar.COUNT_OR_VARIABLE, "Frames of each instance.", default="1"),
            Key("transfer_syntax", Scalar.TEXT, "A short name or the UID.", default="explicit-le"),
            Key("pixels", Scalar.TEXT, "The picture: phantom, gradient, grid or bars.", default="phantom"),
            Key("colour", Scalar.BOOLEAN, "RGB instead of greyscale.", default="by the modality"),
            Key("description", Scalar.DICOM, "SeriesDescription.", default="by the modality"),
            Key("attributes", Table(Scalar.TAG_PATH, Scalar.DICOM), "Attributes of every instance, valid or not."),
        ),
    ),
    "workitem": Object(
        "A workitem of `workitems`",
        (
            Key("alias", Scalar.NAME, "Its name: `${wi1.uid}`.", is_required=True),
            Key("file", Scalar.TEXT, "DICOM JSON.", is_required=True),
        ),
    ),
    "query tag": Object(
        "A tag of `extended_query_tags`",
        (
            Key("path", Scalar.TAG_PATH, "A keyword or 8 hex digits.", is_required=True),
            Key("level", Choice(("Study", "Series", "Instance")), "The level that it is indexed on.", is_required=True),
            Key("vr", Scalar.TEXT, "The value representation, for a private tag."),
            Key("private_creator", Scalar.TEXT, "The private creator, for a private tag."),
        ),
    ),
    "step": Object(
        "A step",
        (
            Key("name", Scalar.TEXT, "What it is called in reports, and by `same_as`."),
            *(Key(name, Scalar.TEXT, f"Send {name.upper()} to this path, below the base.") for name in METHODS),
            Key("method", Scalar.TEXT, "Another method, together with `path`."),
            Key("path", Scalar.TEXT, "The path for `method`."),
            Key("query", Table(Scalar.TEXT, Several(Scalar.TEXT, or_one=True)), "Query parameters; lists repeat."),
            Key("headers", _HEADERS, "Request headers."),
            Key("auth", Choice(("none", "token")), "With or without a token.", default="as the target does"),
            Key("body", Ref("body"), "What is sent."),
            Key("expect", Ref("expect"), "What the answer must be."),
            Key("capture", Table(Scalar.NAME, Ref("capture")), "Values of the answer that later steps use."),
            Key("wait_operation", Ref("wait"), "Poll the operation that the answer names until it is final."),
            Key("retry", Ref("retry"), "Repeat the request until the answer is as it should be."),
            Key("repeat", Scalar.COUNT, "How often the request is sent.", default="1"),
            Key("parallel", Scalar.BOOLEAN, "Send the repeated requests at the same time.", default="false"),
            Key(
                "for_each",
                Table(Scalar.NAME, Several(Scalar.TEXT, or_one=True), is_single=True),
                "Run the step for each text of a list, or for each item of a list such as `ct1.i`.",
            ),
            Key("when", Scalar.CONDITION, "Run the step only if this holds."),
            Key("fault", Several(Free.JSON, or_one=True), "Fault rules for this step's request."),
            Key("sleep", Scalar.DURATION, "Wait before the request; better use `retry` or `wait_operation`."),
            Key("note", Scalar.TEXT, "A remark for whoever reads the report."),
        ),
        groups=(Group((*METHODS, "method"), is_optional=True),),
    ),
    "body": Object(
        "`body`",
        (
            Key("file", Scalar.TEXT, "The content of a file, relative to the scenario."),
            Key("json", Free.JSON, "A JSON value."),
            Key("text", Scalar.TEXT, "A text."),
            Key("base64", Scalar.TEXT, "Bytes in Base64."),
            Key(
                "dicom",
                Several(Ref("instances", shorthand=Scalar.TEXT), or_one=True),
                "Instances: aliases (`ct1`, `ct1.i[0]`), files, or changed ones.",
            ),
            Key("multipart", Several(Ref("part")), "Parts of a multipart/related body."),
            Key("as", Choice(("multipart", "single")), "How `dicom` is sent.", default="multipart"),
            Key("boundary", Scalar.TEXT, "The boundary of a multipart body.", default="by the seed"),
            Key("part_type", Scalar.TEXT, "Content-Type of the parts of `dicom`.", default="application/dicom"),
            Key("malformed", Scalar.DEFECT, "Break the multipart body on purpose."),
        ),
        groups=(Group(("file", "json", "text", "base64", "dicom", "multipart")),),
    ),
    "instances": Object(
        "An item of `dicom` in a body",
        (
            Key("from", Scalar.TEXT, "An alias (`ct1`, `ct1.s[0]`, `ct1.i[2]`) or a file.", is_required=True),
            Key("set", _DICOM_VALUES, "New values by attribute."),
            Key("remove", Several(Scalar.TAG_PATH), "Attributes to leave out."),
            Key("raw", _DICOM_VALUES, "Values that are written as they are, valid or not."),
        ),
    ),
    "part": Object(
        "A part of `multipart`",
        (Key("headers", _HEADERS, "Headers of the part."), Key("body", Ref("body"), "Content of the part.")),
    ),
    "expect": Object(
        "`expect`",
        (
            Key("status", Several(Scalar.STATUS, or_one=True), "The status, or several of which it is one."),
            Key("headers", _HEADER_MATCHERS, "Matchers by header name."),
            Key("json", Table(Scalar.JSONPATH, MatcherKind(Flavour.JSON)), "Matchers by JSONPath."),
            Key("dicom", Ref("dicom"), "Matchers by attribute, of the first data set."),
            Key("parts", Ref("parts"), "What a multipart body holds."),
            Key("image", Ref("image"), "What a rendered image is like."),
            Key("body", Ref("body bytes", shorthand=Scalar.TEXT), "What the body is as bytes or text."),
            Key("same_as", Scalar.TEXT, "The body is that of an earlier step, by its name."),
            Key("max_time", Scalar.DURATION, "The answer takes no longer."),
            Key("snapshot", Scalar.NAME, "The answer is the one kept beside the scenario under this name."),
            Key("parity", Choice(("upstream",)), "The answer is as the live service's, by the parity rules."),
        ),
    ),
    "dicom": Object(
        "`dicom` of an expectation",
        (Key("item", Ref("item"), "Which data set, if not the first."),),
        others=_DICOM_MATCHERS,
    ),
    "item": Object("`item` of `dicom`", (Key("where", _DICOM_MATCHERS, "The first that matches.", is_required=True),)),
    "parts": Object(
        "`parts` of an expectation",
        (
            Key("count", MatcherKind(Flavour.JSON), "The number of parts."),
            Key("each", Ref("expected part"), "What every part is."),
            Key("items", Several(Ref("expected part")), "What the first part is, the second, and so on."),
            Key("frames", Ref("frames", shorthand=Scalar.TEXT), "The parts are frames of a fixture's instance."),
        ),
    ),
    "expected part": Object(
        "A part that is expected",
        (
            Key("headers", _HEADER_MATCHERS, "Matchers by header name."),
            Key("dicom", Ref("dicom"), "Matchers by attribute."),
            Key("body", Ref("body bytes", shorthand=Scalar.TEXT), "What it is as bytes or text."),
        ),
    ),
    "frames": Object(
        "`frames` of `parts`",
        (
            Key("of", Scalar.TEXT, "An instance, `ct1.i[0]`.", is_required=True),
            Key("numbers", Several(Scalar.COUNT), "Frame numbers, from 1.", default="all"),
        ),
    ),
    "image": Object(
        "`image` of an expectation",
        (
            Key("size", Scalar.SIZE, "Width and height, `512x512`."),
            Key("psnr", Ref("psnr"), "How close it is to another image."),
        ),
    ),
    "psnr": Object(
        "`psnr` of an image",
        (
            Key("to", Scalar.TEXT, "An image file.", is_required=True),
            Key("min", Scalar.NUMBER, "The least peak signal-to-noise ratio, in dB.", is_required=True),
        ),
    ),
    "body bytes": Object(
        "`body` of an expectation",
        (
            Key("sha256", Scalar.SHA256, "The digest of its bytes."),
            Key("empty", Scalar.BOOLEAN, "There is no body, or there is one."),
            *_MATCHER_KEYS,
        ),
    ),
    "matcher": Object("A matcher", _MATCHER_KEYS),
    "approx": Object(
        "`approx` of a matcher",
        (
            Key("value", Scalar.NUMBER_OR_VARIABLE, "The number.", is_required=True),
            Key("tol", Scalar.NUMBER_OR_VARIABLE, "How far off it may be.", is_required=True),
        ),
    ),
    "capture": Object(
        "A variable of `capture`",
        (
            Key("json", Scalar.JSONPATH, "What stands at a JSONPath."),
            Key("dicom", Scalar.TAG_PATH, "The first value of an attribute of the first data set."),
            Key("header", Scalar.TEXT, "A header."),
            Key("regex", Scalar.REGEX, "The first group of the first match in the body, or the match."),
            Key("status", Scalar.BOOLEAN, "The status code (`status: true`)."),
        ),
        groups=(Group(("json", "dicom", "header", "regex", "status")),),
    ),
    "wait": Object(
        "`wait_operation`",
        (
            Key("from", Choice(("location", "body")), "Where the operation's URL stands.", default="location"),
            Key("until", Several(Choice(OPERATION_STATES), or_one=True), "Its final state.", default="succeeded"),
            Key("every", Scalar.DURATION, "How often it is asked for.", default="500ms"),
            Key("for", Scalar.DURATION, "How long at most.", default="60s"),
        ),
    ),
    "retry": Object(
        "`retry`",
        (
            Key("until", Ref("expect"), "What the answer must be in the end.", is_required=True),
            Key("every", Scalar.DURATION, "The time between two requests.", default="200ms"),
            Key("for", Scalar.DURATION, "How long at most.", default="10s"),
        ),
    ),
    "parity rule": Object(
        "A rule of `parity`",
        (
            Key("route", Scalar.TEXT, "A glob of method and path.", default="all routes"),
            Key("at", Scalar.TEXT, "A JSONPath, `header:NAME`, `dicom:(gggg,eeee)`, `status` or `body`."),
            Key("do", Free.JSON, "ignore, minor, breaking, unordered, same-shape, or `{tolerance: 0.5}`.", True),
            Key("because", Scalar.TEXT, "Why.", is_required=True),
            Key("until", Scalar.DATE, "The day after which it is an error."),
        ),
    ),
}
"""Every mapping that a scenario may hold, by a name of its own; `scenario` is the root."""
