/** Who follows, beside who is wanted. */

import { legend, twoBars } from "./charts.js";
import { el, name, table } from "./dom.js";
import { share } from "./format.js";

const MOST_BUCKETS = 8;

/** How much of two distributions is the same, shares counted as they are; null where one is not known. */
export function overlap(audience, target) {
  if (!audience || !target) return null;
  return Object.entries(target).reduce((sum, [bucket, part]) => sum + Math.min(part, audience[bucket] ?? 0), 0);
}

export function audienceAgainstTarget(audience, target) {
  const dimensions = [...new Set([...Object.keys(target), ...Object.keys(audience)])];
  if (dimensions.length === 0) return el("p", { class: "hint" }, "No report on the audience is known.");
  return [
    Object.keys(target).length > 0 ? legend({ "track-part": "this audience", wanted: "wanted" })
      : el("p", { class: "hint" }, "The brief wants no particular audience."),
    el("div", { class: "dimensions" }, dimensions.map((dimension) => compared(dimension, audience[dimension], target[dimension]))),
  ];
}

function compared(dimension, audience, target) {
  const same = overlap(audience, target);
  const buckets = [...new Set([...Object.keys(target ?? {}), ...Object.keys(audience ?? {})])];
  const shown = buckets.slice(0, Math.max(MOST_BUCKETS, Object.keys(target ?? {}).length));
  return el("div", { class: "dimension" },
    el("h3", {}, dimension, same !== null && ` · overlap ${share(same)}`, target && !audience && " · this audience is not known"),
    table({ label: `Audience by ${dimension}`, head: ["Part", "Picture", "Has", ...(target ? ["Wanted"] : [])],
      rows: shown.map((bucket) => {
        const [has, wanted] = [audience?.[bucket] ?? (audience ? 0 : null), target?.[bucket] ?? 0];
        return [name(bucket), twoBars(has ?? 0, wanted), share(has), ...(target ? [share(wanted)] : [])];
      }) }),
    buckets.length > shown.length && el("p", { class: "hint" }, `and ${buckets.length - shown.length} smaller ones`));
}
