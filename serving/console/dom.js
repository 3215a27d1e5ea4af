/** Elements. Data only ever become text and attributes: nothing here reads markup. */

const SVG = "http://www.w3.org/2000/svg";

/** Make an element; attributes that are false, null or undefined are left out, `onclick` and the like listen. */
export const el = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** An id or a name out of the data: its direction of writing stays its own. */
export const name = (text) => el("bdi", { class: "name" }, text);

/** Tell those who cannot see the change; the same words twice are read twice. */
export function announce(text) {
  byId("status").textContent = "";
  setTimeout(() => (byId("status").textContent = text), 50);
}

/** A table that scrolls in its own frame and, with `cards`, becomes cards where there is little room. */
export function table({ label, head, rows, cards = false }) {
  const titles = head.map((title) => (typeof title === "string" ? title : title.textContent));
  const cell = (content, column) =>
    el(column === 0 ? "th" : "td", { role: column === 0 ? "rowheader" : "cell", scope: column === 0 && "row",
      "data-label": titles[column] }, content);
  return el("div", { class: cards ? "scroll cards" : "scroll", tabindex: 0, role: "group", "aria-label": label },
    el("table", { role: "table" },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
        head.map((title) => el("th", { role: "columnheader", scope: "col" }, title)))),
      el("tbody", { role: "rowgroup" }, rows.map((row) => el("tr", { role: "row" }, row.map(cell))))));
}

/** What a picture shows, for those who would rather read it. */
export const asTable = (label, head, rows) =>
  el("details", { class: "as-table" }, el("summary", {}, `${label}, as a table`), table({ label, head, rows }));

/** Say what went wrong and what to do. */
export const problemBox = (problem, again) =>
  el("div", { class: "problem", role: "alert" },
    el("p", {}, problem.detail ?? problem.message),
    problem.errors?.length > 0 && el("ul", {}, problem.errors.map((error) =>
      el("li", {}, error.at && el("code", {}, error.at), error.at && " ", error.message))),
    again && el("button", { type: "button", onclick: again }, "Try again"));

/** Show what a promise brings, its absence meanwhile, and its failure; a later call for the same place wins. */
export async function show(place, { waiting, bring, render, again, failed }) {
  place.running?.abort();
  const running = (place.running = new AbortController());
  place.setAttribute("aria-busy", "true");
  place.dataset.waiting = waiting; // the style sheet shows it
  announce(waiting);
  try {
    const found = await bring(running.signal);
    if (place.running === running) place.replaceChildren(...[render(found)].flat(Infinity).filter(Boolean));
  } catch (error) {
    if (place.running === running) {
      if (error.name !== "Problem") console.error(error);
      place.replaceChildren(problemBox(error, again));
      failed?.(error);
    }
  } finally {
    if (place.running === running) place.setAttribute("aria-busy", "false");
  }
}

/** Call once things have been quiet for a while; `cancel` calls it off. */
export function debounced(action, milliseconds) {
  let timer;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...given), milliseconds);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
