/** The console: which view is shown, and the link that says so. */

import { ask, forgetKey, hasKey } from "./api.js";
import { openBacktest } from "./backtest.js";
import { beginQuestion, complete, fillQuestion, inWords, readQuestion } from "./brief.js";
import { beginCampaigns } from "./campaigns.js";
import { openCompare } from "./compare.js";
import { byId, debounced, el } from "./dom.js";
import { beginFees, showFees } from "./fees.js";
import { count, day } from "./format.js";
import { openInfluencer } from "./influencer.js";
import { beginRanking, rank, ranked, refreshMarks } from "./ranking.js";
import { brief, link, read, sameQuestion, setFees, state } from "./state.js";

const VIEWS = {
  ranking: { title: () => "Ranking", open: openRanking },
  influencer: { title: ({ account }) => account, open: (place, { account }) => openInfluencer(place, account, { useOffer }) },
  compare: { title: () => "Compare", open: (place) => openCompare(place, { remove }) },
  backtest: { title: () => "Backtest", open: openBacktest },
};

const left = new Map(); // view -> where the page stood when it was left
let current = null;

/** Show what the address says. */
function route() {
  changed.cancel(); // or the form of before would come back over what the address says now
  const where = read(location.hash, { first: current === null });
  const view = where.view in VIEWS && (where.view !== "influencer" || where.account) ? where.view : "ranking";
  if (current) left.set(current, { scroll: scrollY, focus: document.activeElement });
  const before = current;
  current = view;
  const other = where.question.brief !== undefined && !sameQuestion(where.question, state.question);
  if (other) {
    fillQuestion(where.question);
    state.question = readQuestion();
  }
  for (const name of Object.keys(VIEWS)) byId(name).hidden = name !== view;
  document.title = `${VIEWS[view].title(where)} · Impel`;
  renderTop(view);
  VIEWS[view].open(byId(view), where, { changed: other });
  if (before === null) return;
  const stood = view === "ranking" && !other ? left.get(view) : null;
  if (stood?.focus?.isConnected && byId(view).contains(stood.focus)) {
    stood.focus.focus({ preventScroll: true });
    scrollTo(0, stood.scroll);
    return;
  }
  scrollTo(0, 0);
  byId(view).querySelector("h1").focus({ preventScroll: true });
}

function openRanking(_, __, { changed }) {
  refreshMarks();
  if ((changed || !ranked()) && brief() && complete()) rank();
}

function renderTop(view) {
  for (const name of ["ranking", "compare", "backtest"]) {
    const anchor = byId(`to-${name}`);
    anchor.href = link(name);
    name === view ? anchor.setAttribute("aria-current", "page") : anchor.removeAttribute("aria-current");
  }
  byId("to-compare").textContent = state.compared.length > 0 ? `Compare (${state.compared.length})` : "Compare";
  byId("forget-key").hidden = !hasKey();
  byId("brief-words").textContent = inWords(state.question);
  byId("order").querySelector("[value=expected_value]").disabled = state.question.brief?.value_per_action == null;
}

/** Keep the form in the link; every ranking has an address of its own, so that one can go back to the one before. */
function keep() {
  state.question = readQuestion();
  const address = link("ranking");
  if (address !== location.hash) history[ranked() && complete() ? "pushState" : "replaceState"](null, "", address);
  renderTop("ranking");
}

async function asked() {
  if (!complete({ tell: true })) return;
  changed.cancel();
  keep();
  if (matchMedia("(max-width: 1179px)").matches) byId("brief-panel").open = false;
  await rank({ move: true });
}

const changed = debounced(() => {
  keep();
  if (ranked() && complete()) rank();
}, 150);

/** A past campaign becomes the brief, and what was paid in it the fees. */
function choose({ brief, fees }) {
  setFees(Object.entries(fees), { anew: true });
  showFees("");
  fillQuestion({ ...state.question, brief });
  asked();
}

/** Take an offer that was tried over into the brief, and rank with it. */
function useOffer(account, { brief, offered }) {
  setFees([[account, offered.fee]]);
  showFees("");
  const question = { ...state.question, brief };
  offered.at_least === null ? delete question.at_least : (question.at_least = offered.at_least);
  fillQuestion(question);
  state.question = readQuestion();
  location.hash = link("ranking");
  rank();
}

function remove(account) {
  state.compared = state.compared.filter((one) => one !== account);
  history.replaceState(null, "", link("compare"));
  renderTop("compare");
}

async function sayModel() {
  try {
    const { model_version, features_as_of, accounts } = await ask("v1/model");
    byId("model").replaceChildren(`${count(accounts)} accounts, as known on ${day(features_as_of)} · model ${model_version}`);
  } catch {
    byId("model").textContent = ""; // the view says what is wrong
  }
  renderTop(current);
}

/** Verticals of past campaigns, as suggestions. */
async function suggestVerticals() {
  try {
    const { campaigns } = await ask("v1/campaigns?limit=200");
    const verticals = [...new Set(campaigns.flatMap(({ brief }) => brief?.vertical ?? []))].sort();
    byId("verticals").replaceChildren(...verticals.map((value) => el("option", { value })));
  } catch {
    // Only suggestions.
  }
}

beginQuestion({ changed, asked });
beginCampaigns(choose);
beginFees(changed);
beginRanking();
byId("forget-key").onclick = forgetKey;
byId("skip").onclick = (event) => {
  event.preventDefault();
  byId("main").focus();
};
document.addEventListener("impel:link", () => renderTop(current));
addEventListener("hashchange", route);
route();
sayModel();
suggestVerticals();
