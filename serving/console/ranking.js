/** The ranking: a page of accounts at a time, their fees, who is chosen, and what the choice would cost. */

import { ask } from "./api.js";
import { clearProblem, inWords, showProblem } from "./brief.js";
import { likelihoodBar } from "./charts.js";
import { download, writeCsv } from "./csv.js";
import { announce, byId, el, name, problemBox, show, table } from "./dom.js";
import { showFees } from "./fees.js";
import { amount, count, day, GOALS, money, ordinal, plural, range, share, short, SUPPORT } from "./format.js";
import { candidate, link, MOST_COMPARED, setFees, state } from "./state.js";

const PAGE = 25;
const OTHERS = { followers: "Followers", klout: "Klout", kred: "Kred", peerindex: "PeerIndex" };

let asked = null; // the question of the pages shown
let cursors = []; // of each page up to the next
let page = 0;
let answer = null;
let places = {};

const place = byId("ranked");

/** Ask for the first page of the question as it stands now. */
export function rank({ move = false } = {}) {
  asked = { ...state.question, fees: Object.fromEntries(state.fees), limit: PAGE };
  cursors = [undefined];
  return turn(0, { move });
}

export const ranked = () => asked !== null;

async function turn(number, { move = true } = {}) {
  await show(place, {
    waiting: "Ranking the accounts …",
    again: () => rank({ move: true }),
    bring: async (signal) => {
      const found = await ask("v1/rank", { body: { ...asked, cursor: cursors[number] }, signal });
      const changed = found.predictions.filter((one) => (state.fees.get(one.account_id) ?? null) !== one.fee);
      const chosen = number === 0 ? [...state.chosen.values()] : [];
      const said = await anew([...found.predictions, ...chosen], [...changed, ...chosen], signal);
      for (const one of said.splice(found.predictions.length)) state.chosen.set(one.account_id, one);
      return { ...found, predictions: said };
    },
    render: (found) => {
      clearProblem();
      answer = found;
      page = number;
      if (found.next_cursor) cursors[number + 1] = found.next_cursor;
      return rendered();
    },
    failed: (problem) => {
      answer = null;
      showProblem(problem);
    },
  });
  byId("ranking-bar").hidden = answer === null;
  renderRoster();
  if (move) place.focus();
}

/** Predict some rows anew, with the fees known now; what only a ranking says of an account stays. */
async function anew(predictions, changed, signal) {
  if (changed.length === 0) return predictions;
  const body = { brief: asked.brief, candidates: changed.map(({ account_id }) =>
    candidate(account_id, { at_least: asked.at_least })) };
  const said = new Map((await ask("v1/predict", { body, signal })).predictions.map((one) => [one.account_id, one]));
  return predictions.map((old) => said.has(old.account_id)
    ? { ...old, ...said.get(old.account_id), fee: state.fees.get(old.account_id) ?? null } : old);
}

const perCost = ({ expected_value, fee }) => (expected_value === null || !fee ? null : expected_value / fee);

const COLUMNS = [
  { title: "Account", cell: accountCell },
  { title: "Choose", cell: chooseCell },
  { title: "Likelihood", cell: likelihoodCell },
  { title: "Expected actions", cell: ({ expected_actions, actions_low, actions_high }) =>
    [el("strong", {}, amount(expected_actions)), el("small", {}, range(actions_low, actions_high))] },
  { title: "Incremental", when: incremental, cell: (one) =>
    [amount(one.expected_incremental_actions), el("small", {}, range(one.incremental_low, one.incremental_high))] },
  { title: "Fee", cell: feeCell },
  { title: "Expected value", when: () => asked.brief.value_per_action != null, cell: (one) => money(one.expected_value) },
  { title: "Value per cost", when: () => asked.brief.value_per_action != null, cell: (one) => amount(perCost(one)) },
  { title: "Fake followers", cell: ({ account: { fake_share, fake_share_low, fake_share_high } }) =>
    [share(fake_share), el("small", {}, range(fake_share_low, fake_share_high, share))] },
  { title: "Support", cell: ({ support }) => supportBadge(support) },
  ...Object.entries(OTHERS).map(([key, title]) => ({ title, cell: (one) => otherCell(key, one) })),
];

function incremental() {
  return answer.predictions.some((one) => one.expected_incremental_actions !== null);
}

export const supportBadge = (support) =>
  el("span", { class: `badge ${support}`, title: SUPPORT[support].about }, support === "outside" && "⚠ ", SUPPORT[support].words);

function accountCell(one) {
  const { platform, country } = one.account;
  return [
    el("span", { class: "place", "aria-hidden": "true" }, page * PAGE + answer.predictions.indexOf(one) + 1),
    el("a", { href: link("influencer", one.account_id) }, name(one.account_id)),
    el("small", {}, [platform, country].filter(Boolean).join(" · ")),
  ];
}

function likelihoodCell({ likelihood, at_least }) {
  return [el("strong", {}, share(likelihood)), likelihoodBar(likelihood), el("small", {}, `of at least ${count(at_least)}`)];
}

function feeCell(one) {
  const input = el("input", { type: "number", min: 0, step: "any", inputmode: "decimal", class: "fee",
    value: state.fees.get(one.account_id), "aria-label": `Fee of ${one.account_id}` });
  input.addEventListener("change", () => input.checkValidity() && feeTyped(one.account_id, input));
  return input;
}

async function feeTyped(account, input) {
  setFees([[account, input.value === "" ? null : Number(input.value)]]);
  showFees("");
  const body = place.querySelector("tbody");
  const at = answer.predictions.findIndex((one) => one.account_id === account);
  try {
    answer.predictions = await anew(answer.predictions, [answer.predictions[at]]);
  } catch (error) {
    place.prepend(problemBox(error));
    return;
  }
  if (!body.isConnected) return; // another page meanwhile
  const one = answer.predictions[at];
  if (state.chosen.has(account)) state.chosen.set(account, one);
  columns().forEach(({ title, cell }, column) => {
    if (title !== "Fee") body.rows[at].cells[column].replaceChildren(...[cell(one)].flat().filter(Boolean));
  });
  byId("order-note").hidden = false;
  renderRoster();
  announce(`${account}: likelihood ${share(one.likelihood)} of at least ${count(one.at_least)}.`);
}

function otherCell(key, one) {
  const value = one.baselines[key];
  return [key === "followers" ? short(value) : amount(value), value !== null && el("small", {}, ordinal(places[key].get(value)))];
}

function chooseCell(one) {
  const account = one.account_id;
  return el("span", { class: "choose" },
    el("label", {}, el("input", { type: "checkbox", checked: state.chosen.has(account), "aria-label": `Hire ${account}`,
      onchange: ({ target }) => {
        target.checked ? state.chosen.set(account, one) : state.chosen.delete(account);
        renderRoster();
      } }), "hire"),
    el("label", {}, el("input", { type: "checkbox", checked: state.compared.includes(account), "aria-label": `Compare ${account}`,
      onchange: ({ target }) => compare(account, target) }), "compare"));
}

function compare(account, box) {
  if (box.checked && state.compared.length === MOST_COMPARED) {
    box.checked = false;
    announce(`${MOST_COMPARED} accounts are compared already; take one away first.`);
    byId("compare-full").hidden = false;
    return;
  }
  byId("compare-full").hidden = true;
  state.compared = box.checked ? [...state.compared, account] : state.compared.filter((one) => one !== account);
  history.replaceState(null, "", link("ranking"));
  document.dispatchEvent(new Event("impel:link"));
}

const columns = () => COLUMNS.filter(({ when }) => !when || when());

/** Which place each of the page's values has, the highest first; equals share one. */
function placesOf(key) {
  const values = answer.predictions.map((one) => one.baselines[key]).filter((value) => value !== null).sort((a, b) => b - a);
  return new Map(values.map((value) => [value, values.indexOf(value) + 1]));
}

function rendered() {
  const { matching, predictions } = answer;
  if (predictions.length === 0) {
    announce("No account matches.");
    return el("p", { class: "panel empty" }, matching === 0
      ? "No known account keeps all filters. Take a filter away, or widen it: an account of which a figure is not known does not keep a filter on it."
      : "There are no more accounts.");
  }
  places = Object.fromEntries(Object.keys(OTHERS).map((key) => [key, placesOf(key)]));
  const first = page * PAGE + 1;
  const last = page * PAGE + predictions.length;
  announce(`Accounts ${first} to ${last} of ${count(matching)}.`);
  const outside = predictions.filter(({ support }) => support === "outside").length;
  const unlike = asked.at_least == null && asked.brief.value_per_action > 0 &&
    predictions.some(({ fee }) => fee === null) && predictions.some(({ fee }) => fee !== null);
  const built = table({ label: "Accounts in order", cards: true, head: columns().map(({ title }) => title),
    rows: predictions.map((one) => columns().map(({ cell }) => cell(one))) });
  predictions.forEach(({ support }, row) => built.querySelector("tbody").rows[row].classList.add(support));
  return [
    el("h2", {}, `For ${GOALS[asked.brief.goal]}: ${first} to ${last} of ${plural(matching, "account")}`),
    el("p", { class: "hint" }, `${inWords(asked)}. As known on ${day(answer.features_as_of)}. `,
      "Ranges are 90 % intervals. Small places beside followers, Klout, Kred and PeerIndex are those that they would give on this page."),
    el("p", { class: "hint sentence" }, answer.incremental),
    unlike && el("p", { class: "warning" }, "Not asked alike: an account with a fee is asked for as many actions as pay for it, one without a fee for 1. ",
      "Give fees, or a number of actions in the brief, before you compare their likelihoods."),
    outside > 0 && el("p", { class: "warning" }, `⚠ ${plural(outside, "account")} on this page: ${SUPPORT.outside.about}`),
    el("p", { class: "warning", id: "compare-full", hidden: true }, `${MOST_COMPARED} accounts are compared already; take one away first.`),
    el("p", { class: "warning", id: "order-note", hidden: true }, "Fees were changed; the rows are answered anew, in the order of before. ",
      el("button", { type: "button", onclick: () => rank({ move: true }) }, "Order anew")),
    built,
    el("nav", { class: "pages", "aria-label": "Pages of the ranking" },
      el("button", { type: "button", disabled: page === 0, onclick: () => turn(page - 1) }, "Page before"),
      el("span", {}, `Page ${page + 1} of ${Math.ceil(matching / PAGE)}`),
      el("button", { type: "button", disabled: answer.next_cursor === null, onclick: () => turn(page + 1) }, "Next page")),
  ];
}

/** What the chosen accounts would cost and bring together. */
function renderRoster() {
  const roster = byId("roster");
  roster.hidden = state.chosen.size === 0;
  if (roster.hidden) return;
  const chosen = [...state.chosen.values()];
  const sum = (key) => chosen.reduce((total, one) => total + (one[key] ?? 0), 0);
  const without = chosen.filter(({ fee }) => fee === null).length;
  const { budget, value_per_action } = asked.brief;
  const cost = sum("fee");
  roster.replaceChildren(...[
    el("h2", {}, `${plural(chosen.length, "account")} to hire`),
    el("p", { id: "roster-cost", class: budget != null && cost > budget && "over" },
      `Fees ${money(cost)}`, budget != null && budget > 0 && ` of ${money(budget)}, ${share(cost / budget)} of the budget`,
      budget != null && cost > budget && `: ${money(cost - budget)} too much`,
      without > 0 && `; ${plural(without, "account")} without a fee`, "."),
    budget > 0 && el("progress", { max: budget, value: Math.min(cost, budget), "aria-label": "Share of the budget" }),
    el("p", {}, `${amount(sum("expected_actions"))} actions to expect`,
      value_per_action != null && `, worth ${money(sum("expected_value"))}`, "."),
    el("button", { type: "button", class: "quiet", onclick: () => {
      state.chosen.clear();
      for (const box of place.querySelectorAll('[aria-label^="Hire "]')) box.checked = false;
      renderRoster();
      place.focus();
    } }, "Choose nobody"),
  ].filter(Boolean));
}

/** Bring the marks of the page in line with who is compared now. */
export function refreshMarks() {
  for (const box of place.querySelectorAll('[aria-label^="Compare "]')) {
    box.checked = state.compared.includes(box.getAttribute("aria-label").slice("Compare ".length));
  }
}

function save() {
  const head = ["place", "account_id", "platform", "country", "goal", "at_least", "likelihood", "expected_actions",
    "actions_low", "actions_high", ...(incremental() ? ["expected_incremental_actions", "incremental_low", "incremental_high"] : []),
    "fee", "expected_value", "value_per_cost", "fake_share", "support", ...Object.keys(OTHERS), "features_as_of", "model_version"];
  const rows = answer.predictions.map((one, row) => {
    const all = { ...one, ...one.account, ...one.baselines, ...answer, place: page * PAGE + row + 1, goal: asked.brief.goal, value_per_cost: perCost(one) };
    return head.map((column) => all[column]);
  });
  download(writeCsv([head, ...rows]), `ranking-${asked.brief.goal}-page-${page + 1}.csv`);
}

export function beginRanking() {
  byId("save-csv").onclick = save;
}
