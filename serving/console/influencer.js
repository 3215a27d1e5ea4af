/** One influencer: why, what would change it, who follows, what came of it before. */

import { ask } from "./api.js";
import { audienceAgainstTarget } from "./audience.js";
import { likelihoodBar, overTime, step, whisker } from "./charts.js";
import { asTable, el, name, show, table } from "./dom.js";
import { amount, count, day, GOALS, money, points, range, share, short } from "./format.js";
import { offerPanel } from "./offer.js";
import { brief, candidate, link } from "./state.js";

export function openInfluencer(place, account, { useOffer }) {
  const wanted = brief();
  const content = el("div", {});
  place.replaceChildren(el("p", {}, el("a", { href: link("ranking") }, "← Ranking")), el("h1", { tabindex: -1 }, name(account)), content);
  const open = () => show(content, {
    waiting: "Looking what is known …",
    again: open,
    bring: async (signal) => {
      const [known, predicted, explained] = await Promise.all([
        ask(`v1/accounts/${encodeURIComponent(account)}`, { signal }),
        wanted && ask("v1/predict", { body: { brief: wanted, candidates: [candidate(account)] }, signal }),
        wanted && explain(wanted, candidate(account), signal),
      ]);
      return { known, predicted, explained };
    },
    render: ({ known, predicted, explained }) => [
      facts(known),
      wanted ? withBrief({ known, predicted, explained, wanted, useOffer })
        : el("p", { class: "panel empty" }, "Without a brief there is no likelihood. ", el("a", { href: link("ranking") }, "Write one"), "."),
      panel("The audience", audienceAgainstTarget(known.audience, wanted?.audience ?? {})),
      el("div", { class: "masonry" },
        panel("Are the followers real?", authenticity(known.authenticity)),
        panel("What came of it before", trackRecord(known.track_record)),
        panel("What others would say", others(known)),
        panel("Followers over time", followers(known.followers_over_time)),
        panel("Posts over time", posts(known.posts_over_time))),
    ],
  });
  open();
}

export const explain = (brief, one, signal) => ask("v1/explain", { body: { brief, candidates: [one] }, signal });

const panel = (title, ...content) => el("section", { class: "panel" }, el("h2", {}, title), content);

const facts = ({ influencer_id, platform, country, language, followers, features_as_of }) =>
  el("p", { class: "hint" }, [platform, country, language, `${short(followers)} followers`].filter(Boolean).join(" · "),
    ", of ", name(influencer_id), `. As known on ${day(features_as_of)}.`);

function withBrief({ known, predicted, explained, wanted, useOffer }) {
  const why = el("div", {}, reasons(explained.explanations[0]));
  const offer = offerPanel({
    account: known.account_id,
    prediction: predicted.predictions[0],
    changed: ({ brief: then, offered }) => show(why, {
      waiting: "Explaining …",
      bring: (signal) => explain(then, offered, signal),
      render: ({ explanations }) => reasons(explanations[0]),
    }),
    useOffer,
  });
  return [
    el("section", { class: "panel" },
      el("h2", {}, `For ${GOALS[wanted.goal]}, ${wanted.vertical}`), offer,
      el("p", { class: "hint sentence" }, predicted.incremental)),
    panel("Why", why),
  ];
}

/** From the base to the likelihood, family by family, and what would change it. */
function reasons({ base_likelihood, likelihood, at_least, families, counterfactuals }) {
  const levels = [base_likelihood];
  for (const { contribution } of families) levels.push(levels.at(-1) + contribution);
  const most = Math.max(...levels, likelihood, 0.01) * 1.02;
  return [
    el("p", {}, `Past activations with this goal, on average, are at ${share(base_likelihood)} for at least ${count(at_least)}. `,
      ...(families.length > 0
        ? ["What is known of this account and offer leads from there to ", el("strong", {}, share(likelihood)),
          ". Parts are in points of a hundred and add up."]
        : ["So is this offer: nothing that is known of it leads away from there."])),
    el("ol", { class: "waterfall plain" },
      total("Average", base_likelihood, most),
      families.map((family, place) => el("li", {}, el("details", {},
        el("summary", {}, el("span", {}, family.family), step(levels[place], levels[place + 1], most),
          el("strong", { class: family.direction }, points(family.contribution))),
        el("ul", {}, family.features.map((feature) => el("li", { title: feature.meaning },
          feature.words, " ", el("strong", { class: feature.direction }, points(feature.contribution)))))))),
      total("This offer", likelihood, most)),
    el("h3", {}, "What would change it"),
    counterfactuals.length > 0
      ? el("ul", {}, counterfactuals.map(({ words }) => el("li", {}, `${words[0].toUpperCase()}${words.slice(1)}.`)))
      : el("p", { class: "hint" }, "There is no fee or number to halve, and no other platform."),
    el("p", { class: "hint" }, "Each is predicted anew, and no promise: it says what such offers did, not what this person would do."),
  ];
}

const total = (title, value, most) => el("li", { class: "total" },
  el("span", {}, title), likelihoodBar(value / most), el("strong", {}, share(value)));

function authenticity({ fake_share, low, high, summary, signals }) {
  return [
    el("p", {}, summary),
    fake_share !== null && el("p", { class: "figure" }, el("strong", {}, share(fake_share)), " look fake, 90 % interval ", range(low, high, share),
      whisker({ value: fake_share, low, high }, { least: 0, most: 1 })),
    signals.length > 0
      ? el("ul", {}, signals.map(({ sentence }) => el("li", {}, sentence)))
      : el("p", { class: "hint" }, "Nothing stands out against accounts of this size."),
  ];
}

function trackRecord(rows) {
  if (rows.length === 0) return el("p", { class: "hint" }, "No activation of this account is known: the likelihood rests on what is alike.");
  return table({ label: "Track record", head: ["Campaign", "Goal", "Vertical", "Decided", "Fee", "Actions", "Closed"],
    rows: rows.map(({ campaign_id, goal, vertical, decided_at, fee, actions, closed_at }) =>
      [name(campaign_id), goal, vertical, day(decided_at), money(fee), actions === null ? "still counted" : count(actions), day(closed_at)]) });
}

const others = ({ klout, kred, peerindex, engagement_rate }) => [
  el("p", { class: "hint" }, "Rebuilt from what was published about them. They measure popularity and know nothing of the brief."),
  table({ label: "Scores", head: ["Score", "Value", "Scale"], rows: [
    ["Klout", amount(klout.score), "1 to 100"],
    ["Klout, all networks", amount(klout.networks), "0 to 100"],
    ["Kred influence", amount(kred.influence), "0 to 1,000"],
    ["Kred outreach", amount(kred.outreach), "level"],
    ["PeerIndex", amount(peerindex.score), "0 to 100"],
    ["Engagement rate", share(engagement_rate), "median of 90 days"],
  ] }),
];

function followers(readings) {
  if (readings.length === 0) return el("p", { class: "hint" }, "No reading of the number of followers is known.");
  const said = readings.map(({ at, followers: value }) => ({ at, value }));
  const change = `from ${count(said[0].value)} on ${day(said[0].at)} to ${count(said.at(-1).value)} on ${day(said.at(-1).at)}`;
  return [overTime(said, { label: `Followers ${change}` }), el("p", { class: "hint" }, `${change[0].toUpperCase()}${change.slice(1)}.`),
    asTable("Followers over time", ["Day", "Followers"], said.map(({ at, value }) => [day(at), count(value)]))];
}

function posts(weeks) {
  if (!weeks.some((week) => week.posts > 0)) return el("p", { class: "hint" }, "No post of the last year is known.");
  const measured = weeks.some(({ reactions }) => reactions !== null);
  return [
    el("h3", {}, "Posts a week"),
    overTime(weeks.map((week) => ({ at: week.week, value: week.posts })), { label: "Posts a week", columns: true, write: amount }),
    measured && el("h3", {}, "Reactions to a post (median)"),
    measured && overTime(weeks.map((week) => ({ at: week.week, value: week.reactions })), { label: "Median reactions to a post, by week" }),
    asTable("Posts over time", ["Week from", "Posts", "Reactions", "Views"],
      weeks.map((week) => [day(week.week), count(week.posts), count(week.reactions), count(week.views)])),
  ];
}
