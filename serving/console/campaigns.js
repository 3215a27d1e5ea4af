/** Past campaigns: a list that can be searched; choosing one fills the form and the fees. */

import { ask } from "./api.js";
import { byId, debounced, el, name, show } from "./dom.js";
import { day, plural } from "./format.js";

const LIMIT = 50;

export function beginCampaigns(choose) {
  const search = byId("campaign-search");
  const look = () => show(byId("campaigns"), {
    waiting: "Looking for campaigns …",
    again: look,
    bring: (signal) => {
      const text = search.value.trim();
      const said = new URLSearchParams({ limit: LIMIT, ...(text && { search: text }) });
      return ask(`v1/campaigns?${said}`, { signal });
    },
    render: ({ matching, campaigns }) => [
      el("p", { class: "hint", role: "status" }, matching === 0
        ? "No past campaign has these words. The search looks at ids, goals, verticals, topics and texts."
        : matching > campaigns.length ? `The newest ${campaigns.length} of ${plural(matching, "campaign")}.` : `${plural(matching, "campaign")}.`),
      el("ul", { class: "choices" }, campaigns.map((campaign) => el("li", {}, el("button", { type: "button",
        disabled: campaign.brief === null, // it holds what no new brief may
        onclick: () => {
          byId("past-campaigns").open = false;
          choose(campaign);
        } },
        name(campaign.campaign_id), el("span", { class: "hint" }, campaign.brief === null ? "cannot be asked about anew"
          : `${campaign.brief.goal} · ${campaign.brief.vertical} · ${day(campaign.brief.starts_at)} · ${plural(campaign.activations, "activation")}`))))),
    ],
  });
  search.addEventListener("input", debounced(look, 250));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // it would send the form
  });
  byId("past-campaigns").addEventListener("toggle", ({ target }) => target.open && look());
}
