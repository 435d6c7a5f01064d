"use strict";
// The search of all runs. Text from runs is inserted only as text, never as markup.

(() => {
  const form = document.getElementById("filters");
  if (!form) return;
  const STEP = 100;
  const ANSWER_AFTER = 120; // milliseconds without a key
  const SVG = "http://www.w3.org/2000/svg";
  const up = document.body.dataset.up;
  const body = document.querySelector(".runs tbody");
  const count = document.getElementById("count");
  const more = document.getElementById("more");
  const waiting = [...document.querySelectorAll("[data-shard]")].map((link) => link.dataset.shard);
  const missing = [];
  const runs = [];
  let shown = STEP;
  let timer;

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };

  const badge = (verdict) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS(SVG, "use");
    use.setAttribute("href", `#${verdict}`);
    svg.append(use);
    return element("span", `badge ${verdict.toLowerCase()}`, svg, verdict);
  };

  // Keep in line with lib/words/unbroken.py.
  const moment = /(\d{4}-\d\d-\d\d \d\d:\d\d\S*(?: [A-Z]{2,5}\b)?|\S+)/;
  const breakable = /[^\p{L}\p{N}_\s.,:;'"()<>][^\p{L}\p{N}_\s]{0,9}[\p{L}\p{N}_]/u;
  const unbroken = (text) =>
    text.split(moment).map((word, at) => (at % 2 && breakable.test(word) ? element("span", "whole", word) : word));

  const changed = ([what, undo, note, badge]) => {
    const summary = element("summary", "", element("span", "badge changed", badge), ` ${what} · ${undo ? "undo" : "no undo"}`);
    if (!undo) return element("details", "undo", summary, element("p", "", ...unbroken(note || "There is none.")));
    const copy = element("button", "copy", "Copy", element("span", "hidden", ` ${undo}`));
    copy.type = "button";
    copy.dataset.copy = undo;
    const words = element("p", "", "It shows its plan first: ", copy);
    const code = element("code", "", ...unbroken(undo));
    code.tabIndex = 0; // it may be scrollable
    return element("details", "undo", summary, words, code);
  };

  const line = (run) => {
    const link = element("a", "", run.runbook);
    link.href = up + run.link;
    const headline = element("div", "fit");
    if (run.status !== "completed") headline.append(element("span", "status", run.status), " ");
    headline.append(...unbroken(run.headline));
    if (run.where) headline.append(" ", element("small", "", `in ${run.where}`));
    for (const change of run.changes) headline.append(" ", changed(change));
    return element(
      "tr",
      "",
      element("td", "", badge(run.verdict)),
      element("td", "name", link, " ", element("span", "muted", run.environment), element("span", "about", run.about)),
      element("td", "headline", headline),
      element("td", "when", run.when, element("span", "about", run.by)),
      element("td", "number", run.took),
    );
  };

  // Each shard is a script that calls this; a page opened from a folder can load nothing else.
  window.showRuns = (rows) => {
    for (const [place, link, verdict, status, headline, where, parameters, when, took, about, by, changes = []] of rows) {
      const [environment, runbook, id] = place.split("/");
      const words = [runbook, environment, status, headline, where, parameters, by, id, ...changes.flat()];
      const shown = { link, environment, runbook, verdict, status, headline, where, when, took, about, by, changes };
      runs.push({ ...shown, text: words.join(" ").toLowerCase(), day: when.slice(0, 10) });
    }
  };

  const asked = () => {
    const fields = new FormData(form);
    return {
      words: fields.get("text").toLowerCase().split(/\s+/).filter(Boolean),
      runbook: fields.get("runbook"),
      environment: fields.get("environment"),
      from: fields.get("from"),
      to: fields.get("to"),
      verdicts: fields.getAll("verdict"),
      hasChanged: fields.has("changed"),
    };
  };

  const matches = (run, { words, runbook, environment, from, to, verdicts, hasChanged }) =>
    (!runbook || run.runbook === runbook) &&
    (!environment || run.environment === environment) &&
    (!verdicts.length || verdicts.includes(run.verdict)) &&
    (!hasChanged || run.changes.length) &&
    (!from || run.day >= from) &&
    (!to || run.day <= to) &&
    words.every((word) => run.text.includes(word));

  const show = () => {
    const question = asked();
    const found = runs.filter((run) => matches(run, question));
    body.replaceChildren(...found.slice(0, shown).map(line));
    const loading = waiting.length ? ", still loading older runs" : "";
    const lost = missing.length ? `; could not load ${missing.length} of the files with runs` : "";
    const number = (value) => value.toLocaleString("en");
    count.textContent = `${number(found.length)} of ${number(runs.length)} runs${loading}${lost}`;
    more.hidden = found.length <= shown;
  };

  const showSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(show, ANSWER_AFTER);
  };

  // The address contains the filters, so that a view can be shared.
  const keepInAddress = () => {
    const set = [...new FormData(form)].filter(([, value]) => value);
    const hash = new URLSearchParams(set).toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };

  const takeFromAddress = () => {
    const set = new URLSearchParams(location.hash.slice(1));
    for (const name of ["text", "runbook", "environment", "from", "to"]) form.elements[name].value = set.get(name) ?? "";
    for (const box of form.querySelectorAll("[type=checkbox]")) box.checked = set.getAll(box.name).includes(box.value);
  };

  const change = () => {
    shown = STEP;
    keepInAddress();
    showSoon();
  };

  const readNext = () => {
    const name = waiting.shift();
    if (!name) return;
    const shard = document.createElement("script");
    const next = () => {
      if (waiting.length) showSoon();
      else show();
      readNext();
    };
    shard.onload = next;
    shard.onerror = () => {
      missing.push(name);
      next();
    };
    shard.src = name;
    document.head.append(shard);
  };

  form.addEventListener("input", change);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(change));
  more.addEventListener("click", () => {
    shown += STEP;
    show();
  });
  window.addEventListener("hashchange", () => {
    takeFromAddress();
    shown = STEP;
    show();
  });
  form.hidden = false;
  takeFromAddress();
  readNext();
})();
