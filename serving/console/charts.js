/** Pictures in SVG. Colours are classes of the style sheet; what a picture shows is also said in words or in a table. */

import { el, svg } from "./dom.js";
import { day, share, short } from "./format.js";

const percent = (part) => `${(100 * part).toFixed(2)}%`;
const clamp = (part) => Math.min(1, Math.max(0, part));

/** A likelihood as a bar; the number stands beside it. */
export const likelihoodBar = (part) => svg("svg", { class: "track", "aria-hidden": "true" },
  svg("rect", { class: "track-all", width: "100%", height: "100%" }),
  svg("rect", { class: "track-part", width: percent(clamp(part)), height: "100%" }));

/** A step of a waterfall from one likelihood to another, on a scale from 0 to `most`. */
export const step = (from, to, most) => svg("svg", { class: "track step", "aria-hidden": "true" },
  svg("rect", { class: to < from ? "lowers" : "raises", x: percent(Math.min(from, to) / most),
    width: percent(Math.max(Math.abs(to - from) / most, 0.003)), height: "100%" }));

/** A value with its interval on a line from `least` to `most`; a mark stands at `zero`, where there is one. */
export function whisker({ value, low, high }, { least, most, zero }) {
  const at = (number) => percent(clamp((number - least) / (most - least)));
  return svg("svg", { class: "whisker", "aria-hidden": "true" },
    svg("line", { class: "grid", x1: "0", x2: "100%", y1: "50%", y2: "50%" }),
    zero != null && svg("line", { class: "axis", x1: at(zero), x2: at(zero), y1: "0", y2: "100%" }),
    low != null && svg("line", { class: "interval", x1: at(low), x2: at(high), y1: "50%", y2: "50%" }),
    svg("circle", { class: "dot", cx: at(value), cy: "50%", r: 5 }));
}

/** Two shares of one thing, one above the other. */
export const twoBars = (one, other) => svg("svg", { class: "track two", "aria-hidden": "true" },
  svg("rect", { class: "track-all", width: "100%", height: "100%" }),
  svg("rect", { class: "track-part", width: percent(clamp(one)), height: "48%" }),
  svg("rect", { class: "wanted", width: percent(clamp(other)), height: "48%", y: "52%" }));

const WIDTH = 340;
const HEIGHT = 170;
const LEFT = 44;
const BOTTOM = 22;
const TOP = 10;

/** What happened over time, as columns or as a line; points are { at, value }, a null value leaves a gap. */
export function overTime(points, { label, columns = false, write = short }) {
  const values = points.map(({ value }) => value).filter((value) => value !== null);
  const most = niceAbove(Math.max(...values, 1));
  const least = columns ? 0 : niceBelow(Math.min(...values), most);
  const times = points.map(({ at }) => Date.parse(at));
  const [begin, end] = [times[0], times.at(-1)];
  const x = (time) => LEFT + (end === begin ? 0.5 : (time - begin) / (end - begin)) * (WIDTH - LEFT - 8);
  const y = (value) => TOP + (1 - (value - least) / (most - least)) * (HEIGHT - TOP - BOTTOM);
  const wide = Math.max(1, ((WIDTH - LEFT) / points.length) * 0.7);
  const marks = columns
    ? points.map(({ value }, place) => value !== null && svg("rect", { class: "column", x: x(times[place]) - wide / 2, width: wide,
      y: y(value), height: y(least) - y(value) }))
    : [svg("path", { class: "line", d: linePath(points.map(({ value }, place) => value === null ? null : [x(times[place]), y(value)])) }),
      points.length < 60 && points.map(({ value }, place) => value !== null && svg("circle", { class: "dot", cx: x(times[place]), cy: y(value), r: 2 }))];
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    [least, (least + most) / 2, most].map((value) => [
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, write(value))]),
    svg("text", { x: LEFT, y: HEIGHT - 6 }, day(points[0].at)),
    svg("text", { x: WIDTH - 8, y: HEIGHT - 6, "text-anchor": "end" }, day(points.at(-1).at)),
    marks);
}

function linePath(points) {
  let pen = "M";
  return points.map((point) => {
    if (point === null) {
      pen = "M";
      return "";
    }
    const drawn = `${pen}${point.map((number) => number.toFixed(1)).join(",")}`;
    pen = "L";
    return drawn;
  }).join("");
}

function niceAbove(value) {
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].find((factor) => factor * size >= value) * size;
}

const niceBelow = (value, most) => (value > most / 2 ? most / 2 : 0);

/** What was said against what happened: a point per bin with its interval; on the diagonal both agree. */
export function reliability(bins, { label }) {
  const size = 260;
  const at = (part) => 40 + part * (size - 50);
  const up = (part) => size - 34 - part * (size - 50);
  return svg("svg", { class: "chart square", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label },
    [0, 0.25, 0.5, 0.75, 1].map((part) => [
      svg("line", { class: "grid", x1: at(0), x2: at(1), y1: up(part), y2: up(part) }),
      svg("text", { x: at(0) - 5, y: up(part) + 4, "text-anchor": "end" }, share(part)),
      svg("text", { x: at(part), y: size - 18, "text-anchor": "middle" }, share(part))]),
    svg("line", { class: "diagonal", x1: at(0), y1: up(0), x2: at(1), y2: up(1) }),
    svg("text", { x: at(0.5), y: size - 3, "text-anchor": "middle" }, "what was said"),
    bins.map(({ predicted, observed, low, high }) => [
      low != null && svg("line", { class: "interval", x1: at(predicted), x2: at(predicted), y1: up(low), y2: up(high) }),
      svg("circle", { class: "dot", cx: at(predicted), cy: up(observed), r: 4 })]));
}

/** A key to the colours of a picture. */
export const legend = (entries) => el("ul", { class: "legend plain" },
  Object.entries(entries).map(([style, words]) => el("li", {}, el("span", { class: `swatch ${style}` }), words)));
