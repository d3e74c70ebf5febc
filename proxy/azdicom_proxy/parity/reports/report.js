"use strict";
/* Shows the result that is embedded in the page. Values become text nodes only, never markup. */
const result = JSON.parse(document.getElementById("data").textContent);
const SEVERITIES = ["breaking", "minor", "noise"];
const MARKS = { same: "✓", minor: "~", breaking: "✗" };
const byId = (id) => document.getElementById(id);

/** An element with attributes and children; a string is a text node. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An element whose width is set by script: the page's policy forbids style attributes. */
function bar(className, percent) {
  const part = make("i", { class: className });
  part.style.width = `${percent}%`;
  return part;
}

const percent = (value) => (value === null ? "–" : `${Number(value.toFixed(2))} %`);
const ms = (value) => (value === null ? "–" : `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`);
/** `6.4 / 2.7 ms`. */
const bothMs = ({ upstream, local }) => (upstream.p50_ms === null && local.p50_ms === null ? "–" : `${ms(upstream.p50_ms).replace(" ms", "")} / ${ms(local.p50_ms)}`);
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const tagText = (tag) => `(${tag.slice(0, 4)},${tag.slice(4)})`;

function showTop() {
  const { run, summary, coverage, latency } = result;
  const tile = (value, label) => make("div", { class: "card tile" }, make("b", {}, value), make("span", {}, label));
  const stack = make("div", { class: "stack", role: "img", "aria-label": `${summary.same} same, ${summary.minor} minor, ${summary.breaking} breaking` });
  const compared = summary.compared || 1;
  for (const verdict of ["same", "minor", "breaking"]) stack.append(bar(`fill-${verdict}`, (100 * summary[verdict]) / compared));
  byId("top").append(
    make("h1", {}, "Parity report"),
    make("p", { class: "dim" }, `${run.upstream || "upstream"} compared with ${run.local || "local"} · ${run.started.replace("T", " ").slice(0, 16)} UTC · ${run.duration_s} s${run.source ? ` · ${run.source}` : ""}`),
    make("div", { class: "tiles" },
      tile(percent(summary.score), `score at ${percent(coverage.percent)} coverage`),
      tile(percent(summary.recall), "recall: of upstream's facts"),
      tile(percent(summary.precision), "precision: of local's facts"),
      tile(String(summary.compared), `compared; ${summary.unseeded} unseeded, ${summary.skipped} skipped`),
      tile(`${coverage.routes_exercised} / ${coverage.routes_known}`, "routes exercised"),
      tile(bothMs(latency), "median upstream / local")),
    stack,
    make("p", { class: "dim" }, `${summary.same} same, ${summary.minor} minor, ${summary.breaking} breaking`));
}

function table(heads, rows) {
  const head = make("tr", {}, ...heads.map(([text, kind]) => make("th", { scope: "col", class: kind || "" }, text)));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
}

/** A route that may break after its slashes. */
function routeCode(route) {
  const [method, path] = [route.split(" ", 1)[0], route.slice(route.indexOf(" ") + 1)];
  const steps = path.split(/(?<=\/)/).flatMap((step) => [step, make("wbr")]);
  return make("code", {}, `${method}\u00a0`, ...steps);
}

function showRoutes() {
  const rows = result.routes.map((route) => {
    const worst = ["breaking", "minor", "same"].find((verdict) => route[verdict]) || "skipped";
    const number = (value) => make("td", { class: "number" }, String(value));
    const meter = make("span", { class: "meter", "aria-hidden": "true" }, bar(`fill-${worst}`, route.score ?? 0));
    return make("tr", {},
      make("td", {}, make("span", { class: `mark ${worst}`, role: "img", "aria-label": worst }, MARKS[worst] || "–")),
      make("td", {}, routeCode(route.route)),
      number(route.compared), number(route.same), number(route.minor), number(route.breaking),
      number(route.unseeded + route.skipped),
      make("td", { class: "number" }, percent(route.score), meter),
      number(bothMs(route.latency)));
  });
  const heads = [[""], ["Route"], ["Compared", "number"], ["Same", "number"], ["Minor", "number"], ["Breaking", "number"],
    ["Left out", "number"], ["Score", "number"], ["p50 up / local", "number"]];
  byId("routes").append(rows.length
    ? make("div", { class: "card scroll" }, table(heads, rows))
    : make("p", { class: "card none" }, "Nothing was exercised."));
}

/** The two texts, with what they do not share at their ends marked. */
function marked(one, other) {
  if (one === null || other === null || one === other) return [one, other].map((text) => [text ?? ""]);
  const [first, second] = [Array.from(one), Array.from(other)];
  let start = 0;
  while (start < first.length && start < second.length && first[start] === second[start]) start++;
  let end = 0;
  while (end < first.length - start && end < second.length - start && first.at(-1 - end) === second.at(-1 - end)) end++;
  return [first, second].map((letters) => {
    const middle = letters.slice(start, letters.length - end).join("");
    return [letters.slice(0, start).join(""), middle ? make("mark", {}, middle) : "", letters.slice(letters.length - end).join("")];
  });
}

function sides(example) {
  const [upstream, local] = marked(example.upstream, example.local);
  const side = (name, label, value, parts) => make("div", { class: `side mono ${name}` }, make("b", {}, label),
    ...(value === null ? [make("span", { class: "absent" }, "absent")] : value === "" ? [make("span", { class: "absent" }, "empty")] : parts));
  return make("div", { class: "pair" }, side("upstream", "Upstream", example.upstream, upstream), side("local", "Local", example.local, local));
}

function copyable(label, text) {
  const button = make("button", { type: "button", "aria-label": `Copy: ${label}` }, "Copy");
  const pre = make("pre", { tabindex: "0" }, text);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre);
      button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return make("div", {}, make("h3", {}, label), make("div", { class: "copy" }, button, pre));
}

function dataSetTable(each) {
  const body = make("tbody");
  let showsAll = false;
  const fill = () => {
    const rows = each.rows.filter((row) => showsAll || row.is_changed);
    body.replaceChildren(...rows.map((row) => {
      const name = make("td", {}, row.name || "");
      name.style.paddingLeft = `${10 + 16 * row.depth}px`;
      const cell = (side) => make("td", { class: `value ${side}` }, row[side] === null ? make("span", { class: "absent" }, "absent") : row[side]);
      return make("tr", { class: row.is_changed ? "changed" : "" }, make("td", { class: "tag mono" }, row.tag), name,
        make("td", { class: "mono" }, row.vr), cell("upstream"), cell("local"));
    }));
  };
  fill();
  const hidden = each.rows.filter((row) => !row.is_changed).length;
  const button = make("button", { type: "button", "aria-pressed": "false" }, `Show ${plural(hidden, "equal row")}`);
  button.addEventListener("click", () => {
    showsAll = !showsAll;
    button.setAttribute("aria-pressed", String(showsAll));
    button.textContent = showsAll ? "Changed rows only" : `Show ${plural(hidden, "equal row")}`;
    fill();
  });
  const head = make("tr", {}, ...["Tag", "Name", "VR", "Upstream", "Local"].map((text) => make("th", { scope: "col" }, text)));
  return make("div", {},
    make("div", { class: "head" }, make("h3", {}, `Data set ${each.key}`), hidden ? button : null),
    make("div", { class: "table scroll" }, make("table", {}, make("thead", {}, head), body)));
}

function pictures(found) {
  const labels = { upstream: "Upstream", local: "Local", difference: "Where they differ" };
  const figures = Object.keys(labels).filter((name) => found[name]).map((name) =>
    make("figure", {}, make("img", { src: found[name], alt: labels[name] }), make("figcaption", {}, labels[name])));
  return make("div", {}, make("h3", {}, "Pictures"), make("div", { class: "pictures" }, ...figures));
}

function inside(row) {
  const content = make("div", { class: "inside" });
  const [first, ...others] = row.examples;
  if (first) {
    if (first.upstream !== null || first.local !== null) content.append(sides(first));
    const details = result.details[first.exchange];
    const answers = details ? ` · upstream ${details.upstream.status}, local ${details.local.status || "no answer"}` : "";
    content.append(make("p", { class: "dim where" }, `In ${first.exchange} at `, make("code", {}, first.where), answers));
    if (details && Object.keys(details.pictures).length) content.append(pictures(details.pictures));
    if (details) content.append(...details.tables.map(dataSetTable));
    content.append(copyable("Ask again", first.curl));
  }
  if (row.severity !== "noise") content.append(copyable("Rule that silences it (parity: in azdicom.yaml)", row.silence));
  if (row.rule) content.append(make("h3", {}, "Decided by"), make("p", {}, row.rule));
  if (others.length) {
    const rows = others.map((each) => make("tr", {}, make("td", { class: "mono" }, each.exchange), make("td", { class: "mono" }, each.where),
      make("td", { class: "value" }, each.upstream ?? "absent"), make("td", { class: "value" }, each.local ?? "absent")));
    content.append(make("h3", {}, `${plural(others.length, "more example")}`),
      make("div", { class: "table scroll" }, table([["Exchange"], ["Where"], ["Upstream"], ["Local"]], rows)));
  }
  return content;
}

function finding(row) {
  const name = row.tag
    ? make("span", { class: "name" }, make("span", { class: "mono" }, tagText(row.tag)), row.name || row.at)
    : make("span", { class: "name" }, row.at);
  const card = make("details", { class: "card finding", "data-severity": row.severity },
    make("summary", {}, make("span", { class: `badge ${row.severity}` }, row.severity), name,
      make("span", { class: "count" }, `${row.count} ×`),
      make("span", { class: "line" }, `${row.text} · `, make("code", {}, row.route))));
  card.addEventListener("toggle", () => { if (card.open && card.childElementCount === 1) card.append(inside(row)); });
  return card;
}

function showFindings() {
  const counts = Object.fromEntries(SEVERITIES.map((severity) => [severity, result.fingerprints.filter((row) => row.severity === severity).length]));
  for (const severity of SEVERITIES) {
    const box = make("input", { type: "checkbox", value: severity });
    box.checked = severity !== "noise";
    byId("severities").append(make("label", { class: `chip ${severity}` }, box, `${severity} ${counts[severity]}`));
  }
  const routes = [...new Set(result.fingerprints.map((row) => row.route))].sort();
  byId("route").append(make("option", { value: "" }, "All routes"), ...routes.map((route) => make("option", { value: route }, route)));
  const cards = result.fingerprints.map((row) => ({
    row, card: finding(row),
    text: [row.route, row.at, row.tag, row.tag && tagText(row.tag), row.name, row.text, row.kind, row.fingerprint,
      ...row.examples.flatMap((each) => [each.exchange, each.where, each.upstream, each.local])].filter(Boolean).join("\n").toLowerCase(),
  }));
  byId("list").append(...cards.map((each) => each.card));
  const nothing = make("p", { class: "card none" }, cards.length ? "No finding passes the filter." : "No difference was found.");
  byId("list").append(nothing);
  const apply = () => {
    const chosen = new Set([...document.querySelectorAll("#severities input:checked")].map((box) => box.value));
    const words = byId("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, card, text } of cards) {
      const passes = chosen.has(row.severity) && (!byId("route").value || row.route === byId("route").value) && words.every((word) => text.includes(word));
      card.hidden = !passes;
      shown += passes;
    }
    nothing.hidden = shown > 0;
    byId("shown").textContent = `${shown} of ${plural(cards.length, "finding")}`;
  };
  byId("filters").addEventListener("input", apply);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  apply();
  // `#fingerprint,fingerprint` in the address opens those findings; else the first is open.
  const wanted = new Set(location.hash.slice(1).split(",").filter(Boolean));
  const opened = cards.filter(({ row, card }) => !card.hidden && wanted.has(row.fingerprint));
  for (const { card } of opened.length ? opened : cards.filter(({ card }) => !card.hidden).slice(0, 1)) card.open = true;
  if (opened.length === 1) opened[0].card.scrollIntoView();
}

function more(title, content) {
  byId("rest").append(make("details", { class: "card" }, make("summary", {}, title), make("div", {}, content)));
}

function showRest() {
  const { coverage, not_compared: left, rules, run } = result;
  const list = (items) => make("ul", { class: "columns" }, ...items.map((item) => make("li", {}, make("code", {}, item))));
  const cell = (text) => make("td", {}, text ?? "");
  byId("rest").append(make("p", { class: "dim" }, `${coverage.exercised} of ${coverage.known} kinds of answers (route × status class × media type) were compared: ${percent(coverage.percent)}.`));
  if (coverage.never_exercised.length) more(`${plural(coverage.never_exercised.length, "route")} never exercised`, list(coverage.never_exercised));
  if (left.length) {
    const rows = left.map((row) => make("tr", {}, cell(row.verdict), make("td", { class: "number" }, String(row.count)), cell(row.route), cell(row.reason)));
    more(`${plural(left.reduce((sum, row) => sum + row.count, 0), "exchange")} not compared`, table([["Verdict"], ["Count", "number"], ["Route"], ["Reason"]], rows));
  }
  const allRules = [...rules.applied, ...rules.unused];
  if (allRules.length) {
    const rows = allRules.map((rule) => make("tr", {}, make("td", { class: "number" }, rule.count ? String(rule.count) : "unused"), cell(rule.route), cell(rule.at ?? "everywhere"), cell(rule.do), cell(rule.because)));
    more(`${plural(allRules.length, "rule")}, ${rules.unused.length} unused`, table([["Used", "number"], ["Route"], ["At"], ["Do"], ["Because"]], rows));
  }
  if (rules.learned.length) {
    const rows = rules.learned.map((row) => make("tr", {}, cell(row.opinion), cell(row.route), cell(row.at), make("td", { class: "number" }, `${row.noise} / ${row.raw} / ${row.total}`)));
    more(`${plural(rules.learned.length, "place")} in which the upstream differed from itself`, table([["Opinion"], ["Route"], ["At"], ["Noise / raw / total", "number"]], rows));
  }
  if (run.hydrated.length) more(`${plural(run.hydrated.length, "instance")} fetched from the upstream`, list(run.hydrated));
  byId("foot").append(`${run.tool} · ${run.phi_shown ? "Names and ids of patients are shown." : "Names and ids of patients are hidden."}`);
}

showTop();
showRoutes();
showFindings();
showRest();
