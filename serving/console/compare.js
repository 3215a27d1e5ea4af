/** Up to four accounts side by side, for one brief. */

import { ask } from "./api.js";
import { overlap } from "./audience.js";
import { likelihoodBar } from "./charts.js";
import { el, name, show, table } from "./dom.js";
import { amount, count, day, GOALS, money, plural, points, range, share, short } from "./format.js";
import { explain } from "./influencer.js";
import { supportBadge } from "./ranking.js";
import { brief, candidate, link, MOST_COMPARED, state } from "./state.js";

export function openCompare(place, { remove }) {
  const wanted = brief();
  const content = el("div", {});
  place.replaceChildren(el("h1", { tabindex: -1 }, "Side by side"), content);
  if (state.compared.length === 0 || !wanted) {
    content.append(el("p", { class: "panel empty" }, wanted
      ? `Tick “compare” beside up to ${MOST_COMPARED} accounts of the ` : "Write a brief first, in the ",
      el("a", { href: link("ranking") }, "ranking"), "."));
    return;
  }
  const again = () => openCompare(place, { remove });
  show(content, {
    waiting: "Looking what is known of them …",
    again,
    bring: async (signal) => {
      const candidates = state.compared.map((account) => candidate(account));
      const [predicted, explained, ...known] = await Promise.all([
        ask("v1/predict", { body: { brief: wanted, candidates }, signal }),
        ask("v1/explain", { body: { brief: wanted, candidates }, signal }),
        ...state.compared.map((account) => ask(`v1/accounts/${encodeURIComponent(account)}`, { signal }).catch((problem) => {
          if (problem.code === "unknown-account") return null;
          throw problem;
        })),
      ]);
      return { predicted, explained, known: known.filter(Boolean) };
    },
    render: ({ predicted, explained, known }) => [
      el("p", { class: "hint" }, `For ${GOALS[wanted.goal]}, ${wanted.vertical}. As known on ${day(predicted.features_as_of)}.`),
      el("p", { class: "hint sentence" }, predicted.incremental),
      predicted.unknown_accounts.length > 0 && el("p", { class: "warning" }, "The data do not know ",
        predicted.unknown_accounts.map((account, place) => [place > 0 && ", ", name(account)]), "."),
      known.length > 0 && el("div", { class: "panel" }, sideBySide(predicted.predictions, explained.explanations, known, wanted, (account) => {
        remove(account);
        again();
      })),
    ],
  });
}

function sideBySide(predictions, explanations, known, wanted, remove) {
  const fee = ({ account_id }) => state.fees.get(account_id);
  const target = Object.entries(wanted.audience ?? {});
  const lines = {
    Likelihood: (one) => [el("strong", {}, share(one.likelihood)), likelihoodBar(one.likelihood), el("small", {}, `of at least ${count(one.at_least)}`)],
    "Expected actions": (one) => [el("strong", {}, amount(one.expected_actions)), el("small", {}, range(one.actions_low, one.actions_high))],
    ...(predictions.some((one) => one.expected_incremental_actions !== null) && {
      "Incremental actions": (one) => [amount(one.expected_incremental_actions), el("small", {}, range(one.incremental_low, one.incremental_high))] }),
    Fee: (one) => money(fee(one)),
    "Expected value": (one) => money(one.expected_value),
    "Value per cost": (one) => amount(fee(one) && one.expected_value !== null ? one.expected_value / fee(one) : null),
    Support: (one) => supportBadge(one.support),
    "Why": (_, at) => el("ul", { class: "plain" }, explanations[at].families.slice(0, 4).map(({ family, contribution, direction }) =>
      el("li", {}, family, " ", el("strong", { class: direction }, points(contribution))))),
    "Fake followers": (_, at) => [share(known[at].authenticity.fake_share), el("small", {}, range(known[at].authenticity.low, known[at].authenticity.high, share))],
    ...Object.fromEntries(target.map(([dimension, shares]) =>
      [`Overlap by ${dimension}`, (_, at) => share(overlap(known[at].audience[dimension], shares))])),
    "Own results": (_, at) => plural(known[at].track_record.filter(({ actions }) => actions !== null).length, "closed activation"),
    Followers: (one) => short(one.baselines.followers),
    "Engagement rate": (one) => share(one.baselines.engagement_rate),
    Klout: (one) => amount(one.baselines.klout),
    Kred: (one) => amount(one.baselines.kred),
    PeerIndex: (one) => amount(one.baselines.peerindex),
  };
  return table({
    label: "Accounts side by side",
    head: ["Figure", ...predictions.map(({ account_id }) => el("span", {}, el("a", { href: link("influencer", account_id) }, name(account_id)),
      el("button", { type: "button", class: "quiet", "aria-label": `Remove ${account_id}`, onclick: () => remove(account_id) }, "Remove")))],
    rows: Object.entries(lines).map(([title, cell]) => [title, ...predictions.map(cell)]),
  });
}
