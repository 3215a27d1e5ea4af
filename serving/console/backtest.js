/** What the backtest found: whether the model's choice would have paid, and whether its likelihoods mean what they say. */

import { ask } from "./api.js";
import { reliability, whisker } from "./charts.js";
import { asTable, el, show, table } from "./dom.js";
import { count, day, decimal, GOALS, money, plural, range, share } from "./format.js";

export function openBacktest(place) {
  const content = el("div", {});
  place.replaceChildren(el("h1", { tabindex: -1 }, "Would it have paid?"), content);
  show(content, {
    waiting: "Reading the backtest …",
    again: () => openBacktest(place),
    bring: async (signal) => {
      const [backtest, model] = await Promise.all([
        ask("v1/backtest", { signal }).catch((problem) => {
          if (problem.code === "no-backtest") return null;
          throw problem;
        }),
        ask("v1/model", { signal }),
      ]);
      return { backtest, model };
    },
    render: ({ backtest, model }) => (backtest === null ? none() : found(backtest, model)),
  });
}

const none = () => el("div", { class: "panel empty" },
  el("h2", {}, "This service shows no backtest"),
  el("p", {}, "A backtest replays past campaigns: the model learns from what was known before each, and is judged by what came of it. Whoever runs the service makes one and shows it here:"),
  el("pre", { tabindex: 0 }, "impel backtest DATA --out report\nimpel serve DATA --backtest report"));

const panel = (title, ...content) => el("section", { class: "panel" }, el("h2", {}, title), content);

function found(backtest, model) {
  const { goals, checks, tested_from, tested_until, activations, campaigns, accounts, reached_share, confidence } = backtest;
  const issues = checks.filter(({ outcome }) => outcome === "issue");
  const other = backtest.data_fingerprint !== null && backtest.data_fingerprint !== model.data_fingerprint;
  return [
    el("p", { class: "hint" }, `${plural(activations, "activation")} of ${plural(campaigns, "campaign")} with ${plural(accounts, "account")}, decided from `,
      `${day(tested_from)} to ${day(tested_until)}; ${share(reached_share)} brought what was asked for. The model that is judged on a campaign learnt only `,
      `from what was known before it. Intervals of figures are ${share(confidence)} intervals.`),
    other && el("p", { class: "warning" }, "This backtest was made of other data than the service answers from now."),
    panel("Before you rely on it", issues.length > 0
      ? el("ul", {}, issues.map(({ code, title, severity, said, to_do }) =>
        el("li", {}, el("strong", {}, `${code}, ${severity}: ${title}. `), said, " ", el("em", {}, to_do))))
      : el("p", {}, "No check found an issue."),
    asTable("All checks", ["Check", "About", "Outcome"], checks.map(({ code, title, outcome }) => [code, title, outcome]))),
    el("div", { class: "wide" },
      panel("The same money, among those hired", el("p", { class: "hint" },
        "Each rule spends half of each campaign's fees on those whom it would have hired first, among those who were hired. What they brought is known."),
      equalSpend(backtest.money_hired)),
      panel("The same money, all accounts", el("p", { class: "hint" },
        "Past campaigns hired a selection. What others would have brought is estimated from it, and refused where there is too little to go by."),
      equalSpend(backtest.money_all)),
      panel("Do the likelihoods mean what they say?", calibration(backtest)),
      panel("Who tells best who will do it?", rules(backtest.rules))),
    goals.length > 0 && [el("h2", {}, "Goal by goal"), el("div", { class: "masonry" }, goals.map(goal))],
  ];
}

/** What each rule's choice brought: a line from zero with the interval, and how far the model is ahead. */
function equalSpend({ why_not, campaigns, spent, hired, rules: all }) {
  if (why_not !== null) return el("p", { class: "warning" }, `That cannot be told: ${why_not}`);
  const known = [hired, ...all].filter((rule) => rule !== null);
  const paid = known.some(({ net_value }) => net_value !== null);
  const figure = (rule) => (paid ? rule.net_value : rule.value);
  const ends = known.map(figure).filter(Boolean).flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);
  const scale = { least: Math.min(0, ...ends), most: Math.max(0, ...ends) * 1.02 || 1, zero: 0 };
  const cells = (rule) => {
    const { label, name, why_not: reason, model_ahead: ahead } = rule;
    const said = figure(rule);
    if (said?.value == null) return [[label, el("small", {}, reason ?? "not known")], "", "–", ""];
    return [name === "model" ? el("strong", {}, label) : label, whisker(said, scale),
      [money(said.value), el("small", {}, range(said.low, said.high, money))],
      ahead?.value == null ? "" : [money(ahead.value), el("small", {}, range(ahead.low, ahead.high, money))]];
  };
  return [
    verdict(all),
    table({ cards: true, label: paid ? "Value less fees" : "Value", head: ["Rule", "Picture", paid ? "Value less fees" : "Value", "Impel ahead by"], rows: known.map(cells) }),
    el("p", { class: "hint" }, `${plural(campaigns, "campaign")}${spent === null ? ", as many hires by each, since fees are not known" : `, ${money(spent)} spent by each`}. The upright line is nothing gained.`),
  ];
}

/** Whether the model is ahead of the best of the simple rules, where the interval says so. */
function verdict(all) {
  const others = all.filter(({ name, model_ahead }) => !name.startsWith("model") && model_ahead?.value != null).sort((a, b) => a.model_ahead.value - b.model_ahead.value);
  if (others.length === 0) return el("p", {}, "No simple rule can be compared with the model.");
  const { label, model_ahead: { value, low, high } } = others[0];
  const between = `${money(value)} (${range(low, high, money)})`;
  if (low === null) return el("p", {}, `Against ${label}, the closest rule, Impel is ahead by ${money(value)}; there are too few campaigns for an interval.`);
  if (low > 0) return el("p", {}, `Impel brings more than every rule that can be compared; than ${label}, the closest, by ${between}.`);
  if (high < 0) return el("p", {}, `${label} brings more than Impel, by ${money(-value)} (${range(-high, -low, money)}).`);
  return el("p", {}, `Whether Impel brings more than ${label} cannot be told: the difference is ${between}, and the interval holds nothing gained.`);
}

function calibration({ reliability: bins, calibration_error, calibration_error_by_chance, interval_coverage, interval, confidence }) {
  return [
    diagram(bins, "all goals", confidence),
    el("p", {}, `On average a likelihood is ${share(calibration_error)} away from what happened; perfect ones would be ${share(calibration_error_by_chance)} away by chance alone.`),
    interval_coverage?.value != null && el("p", {}, `${share(interval)} intervals of actions held the outcome in ${share(interval_coverage.value)} of cases (${range(interval_coverage.low, interval_coverage.high, share)}).`),
  ];
}

const diagram = (bins, of, confidence) => [
  reliability(bins, { label: `What happened against the likelihood that was said, ${of}; the numbers are in the table below` }),
  el("p", { class: "hint" }, `Each point is a tenth or so of the activations, with its ${share(confidence)} interval; on the dashed line both agree.`),
  asTable(`Likelihoods and what happened, ${of}`, ["Said", "Happened", "Interval", "Activations"],
    bins.map(({ predicted, observed, low, high, count: rows }) => [share(predicted), share(observed), range(low, high, share), count(rows)])),
];

function rules(all) {
  return [
    el("p", { class: "hint" }, "AUC: how often, of one who did it and one who did not, the rule puts the one who did first. A coin has 0.5."),
    table({ label: "Rules", head: ["Rule", "Picture", "AUC"], rows: all.map(({ label, name, auc }) => [
      name === "model" ? el("strong", {}, label) : label,
      auc?.value == null ? "" : whisker(auc, { least: 0.4, most: 1, zero: 0.5 }),
      [decimal(auc?.value), el("small", {}, range(auc?.low, auc?.high, decimal))]]) }),
  ];
}

function goal({ goal: name, activations, campaigns, reached_share, auc, interval_coverage, expected_to_actual, reliability: bins, why_not }) {
  const facts = `${plural(activations, "activation")} of ${plural(campaigns, "campaign")}; ${share(reached_share)} brought what was asked for.`;
  if (why_not !== null) return panel(GOALS[name] ?? name, el("p", {}, facts), el("p", { class: "warning" }, `No more can be told: ${why_not}`));
  const line = (title, estimate, write) => [title, write(estimate?.value), range(estimate?.low, estimate?.high, write) || "too few campaigns"];
  return panel(GOALS[name] ?? name, el("p", {}, facts),
    table({ label: `Figures for ${name}`, head: ["Figure", "Value", "Interval"], rows: [
      line("AUC", auc, decimal),
      line("Intervals that held", interval_coverage, share),
      line("Expected to actual actions", expected_to_actual, decimal),
    ] }),
    bins.length > 0 && diagram(bins, name, 0.95));
}
