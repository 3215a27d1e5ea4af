/** What if: sliders for the fee, the number of actions and the audience wanted; the answer changes with them. */

import { ask } from "./api.js";
import { likelihoodBar } from "./charts.js";
import { announce, debounced, el, name, problemBox, table } from "./dom.js";
import { amount, count, money, points, range, share } from "./format.js";
import { supportBadge } from "./ranking.js";
import { candidate, state } from "./state.js";

const QUIET = 120; // milliseconds between a movement and the question
let made = 0;

/** The answer to one offer with its sliders; `changed` is called when a slider was let go. */
export function offerPanel({ account, prediction: before, changed, useOffer }) {
  const start = { fee: state.fees.get(account) ?? null, at_least: state.question.at_least ?? null,
    audience: structuredClone(state.question.brief.audience ?? {}) };
  let now = structuredClone(start);
  let running;
  const said = el("div", { class: "answer" });
  const sliders = el("div", { class: "sliders" });
  const asked = () => ({
    brief: { ...state.question.brief, audience: Object.keys(now.audience).length > 0 ? now.audience : null },
    offered: candidate(account, now),
  });

  const predict = debounced(async () => {
    running?.abort();
    running = new AbortController();
    const { brief, offered } = asked();
    try {
      const answer = await ask("v1/predict", { body: { brief, candidates: [offered] }, signal: running.signal });
      const prediction = answer.predictions[0];
      said.replaceChildren(...answered(prediction, before));
      if (now.at_least === null) atLeast.show(prediction.at_least);
      announce(`Likelihood ${share(prediction.likelihood)}, ${points(prediction.likelihood - before.likelihood)} points.`);
    } catch (error) {
      if (error.name !== "AbortError") said.replaceChildren(problemBox(error));
    }
  }, QUIET);
  const explain = debounced(() => changed(asked()), QUIET); // each key pressed on a slider lets go of it

  const slider = (label, settings, { move, write }) => {
    const id = `slider-${(made += 1)}`;
    const output = el("output", { for: id }, write(settings.value));
    const input = el("input", { id, type: "range", ...settings, "aria-valuetext": write(settings.value) });
    const show = (value) => {
      input.value = value;
      output.textContent = write(Number(value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => {
      show(input.value);
      move(Number(input.value));
      predict();
    });
    input.addEventListener("change", explain);
    return { node: el("div", { class: "slider" }, el("label", { for: id }, label), input, output), show, input };
  };

  let atLeast;
  const build = () => {
    const fee = slider("Fee", { min: 0, max: niceMost(start.fee ?? 250), step: niceStep(start.fee ?? 250), value: now.fee ?? 0 },
      { move: (value) => (now.fee = value), write: (value) => (now.fee === null && value === 0 ? "none" : money(value)) });
    atLeast = slider("At least, actions",
      { min: 1, max: Math.max(20, 2 * before.actions_high, 2 * before.at_least), step: 1, value: now.at_least ?? before.at_least },
      { move: (value) => (now.at_least = value), write: count });
    const dimensions = Object.entries(now.audience).map(([dimension, buckets]) => audience(dimension, buckets));
    sliders.replaceChildren(fee.node, atLeast.node,
      el("p", { class: "hint" }, start.at_least === null && "Until you move it, as many actions as pay for the fee. ",
        dimensions.length === 0 && "An audience in the brief would get sliders here, too."),
      ...dimensions);
  };
  const audience = (dimension, buckets) => {
    const parts = Object.fromEntries(Object.keys(buckets).map((bucket) => [bucket, slider(name(bucket),
      { min: 0, max: 1, step: 0.01, value: buckets[bucket] },
      { write: share, move: (value) => {
        Object.assign(buckets, balanced(buckets, bucket, value));
        for (const [other, part] of Object.entries(parts)) if (other !== bucket) part.show(buckets[other]);
      } })]));
    return el("fieldset", {}, el("legend", {}, `Audience wanted, ${dimension}`), Object.values(parts).map(({ node }) => node));
  };

  build();
  said.replaceChildren(...answered(before, before));
  return el("div", { class: "offer" }, said, el("div", {},
    el("h3", {}, "What if"), sliders,
    el("p", { class: "actions" },
      el("button", { type: "button", onclick: () => useOffer(account, asked()) }, "Take over into the brief"),
      el("button", { type: "button", class: "quiet", onclick: () => {
        now = structuredClone(start);
        build();
        predict();
        explain();
      } }, "Back to the start"))));
}

/** Set one share; where the whole would be more than 1, the others give way in proportion. */
export function balanced(buckets, moved, value) {
  const others = Object.entries(buckets).filter(([bucket]) => bucket !== moved);
  const sum = others.reduce((total, [, part]) => total + part, 0);
  const room = Math.min(1, (1 - value) / (sum || 1));
  return { ...Object.fromEntries(others.map(([bucket, part]) => [bucket, part * room])), [moved]: value };
}

function answered(now, before) {
  const moved = now !== before;
  const change = (key, write) => (moved ? [write(before[key]), write(now[key])] : [write(now[key])]);
  return [
    el("p", { class: "big" }, el("strong", {}, share(now.likelihood)), ` likely to bring at least ${count(now.at_least)}`,
      moved && el("span", { class: now.likelihood < before.likelihood ? "lowers" : "raises" },
        ` ${points(now.likelihood - before.likelihood)} points`)),
    likelihoodBar(now.likelihood),
    el("p", {}, supportBadge(now.support)),
    table({ label: "The answer", head: ["Figure", ...(moved ? ["At first", "Now"] : ["Answer"])], rows: [
      ["Likelihood", ...change("likelihood", share)],
      ["Of at least", ...change("at_least", count)],
      ["Expected actions", ...change("expected_actions", amount)],
      ["90 % interval", ...(moved ? [before, now] : [now]).map((one) => range(one.actions_low, one.actions_high))],
      ["Expected value", ...change("expected_value", money)],
      ...(now.expected_incremental_actions === null ? [] : [["Of these incremental", ...change("expected_incremental_actions", amount)]]),
      ["Weight of own results", ...change("own_record_weight", share)],
    ] }),
  ];
}

const niceStep = (value) => Math.max(1, 10 ** Math.floor(Math.log10(Math.max(value, 1)) - 1));
const niceMost = (value) => Math.ceil((3 * Math.max(value, 10)) / niceStep(value)) * niceStep(value);
