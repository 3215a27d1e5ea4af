/** The form of the question. A field's name is the JSON pointer of what it holds, so that problems find their field. */

import { byId, el } from "./dom.js";
import { day, GOALS, share } from "./format.js";

const DIMENSIONS = ["country", "age", "gender", "language", "interest", "city"];

const PROBLEM = "problem-of-field-";

const form = byId("question");
const slices = byId("slices");

const split = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);

const KINDS = {
  text: { read: (text) => text, write: String },
  lower: { read: (text) => text.toLowerCase(), write: String },
  number: { read: Number, write: String },
  percent: { read: (text) => rounded(Number(text) / 100), write: (value) => String(rounded(100 * value)) },
  words: { read: split, write: (words) => [words].flat().join(", ") },
  lowerWords: { read: (text) => split(text.toLowerCase()), write: (words) => [words].flat().join(", ") },
  upperWords: { read: (text) => split(text.toUpperCase()), write: (words) => [words].flat().join(", ") },
  // The moment of a past campaign stays exact as long as its day stays.
  day: {
    read: (text, field) => (field.dataset.exact?.startsWith(text) ? field.dataset.exact : `${text}T00:00:00Z`),
    write: (moment, field) => (field.dataset.exact = String(moment)).slice(0, 10),
  },
};

const rounded = (value) => Number(value.toPrecision(12));
const kind = (field) => KINDS[field.dataset.kind ?? "text"];
const fields = () => [...form.elements].filter((field) => field.name.startsWith("/"));
const keys = (pointer) => pointer.slice(1).split("/");

/** Read the question out of the form; what is empty is left out. */
export function readQuestion() {
  const question = { brief: {} };
  for (const field of fields()) {
    const text = field.value.trim();
    if (text === "") continue;
    const path = keys(field.name);
    const last = path.pop();
    const place = path.reduce((at, key) => (at[key] ??= {}), question);
    place[last] = kind(field).read(text, field);
  }
  const audience = readAudience();
  if (Object.keys(audience).length > 0) question.brief.audience = audience;
  return question;
}

/** Fill the form with a question. */
export function fillQuestion(question) {
  for (const field of fields()) {
    delete field.dataset.exact;
    const value = keys(field.name).reduce((at, key) => at?.[key], question);
    field.value = value == null ? (field.dataset.default ?? "") : kind(field).write(value, field);
  }
  const audience = Object.entries(question.brief?.audience ?? {});
  slices.replaceChildren(...audience.flatMap(([dimension, buckets]) =>
    Object.entries(buckets ?? {}).map(([bucket, part]) => slice(dimension, bucket, rounded(100 * part)))));
  sumUp();
}

function readAudience() {
  const audience = {};
  for (const row of slices.children) {
    const [dimension, bucket, part] = [...row.querySelectorAll("select, input")].map((field) => field.value.trim());
    if (bucket !== "" && part !== "") (audience[dimension] ??= {})[bucket] = rounded(Number(part) / 100);
  }
  return audience;
}

function slice(dimension, bucket = "", percent = "") {
  const row = el("li", {},
    el("label", {}, "Of", el("select", {}, DIMENSIONS.map((one) => el("option", { selected: one === dimension }, one)))),
    el("label", {}, "which", el("input", { value: bucket, maxlength: 100, placeholder: "US" })),
    el("label", {}, "share, %", el("input", { type: "number", min: 0, max: 100, step: "any", value: percent })),
    el("button", { type: "button", class: "quiet", "aria-label": `Remove ${dimension} ${bucket}`, onclick: () => {
      row.remove();
      byId("add-slice").focus();
      form.dispatchEvent(new Event("change", { bubbles: true }));
    } }, "Remove"));
  return row;
}

function sumUp() {
  const sums = Object.entries(readAudience()).map(([dimension, buckets]) =>
    `${dimension} ${share(Object.values(buckets).reduce((sum, part) => sum + part, 0))}`);
  byId("audience-sum").textContent = sums.length > 0 ? `Adds up to: ${sums.join(", ")}.` : "";
}

/** Say the question in one line. */
export function inWords({ brief = {} }) {
  if (!brief.goal) return "";
  const value = brief.value_per_action == null ? "" : `, ${brief.value_per_action} per action`;
  return `${GOALS[brief.goal] ?? brief.goal}, ${brief.vertical ?? ""}, from ${day(brief.starts_at)}${value}`;
}

/** Show each error at its field; return those that belong to none. */
export function showProblem(problem) {
  clearProblem();
  const homeless = (problem.errors ?? []).filter((error) => !placed(error));
  form.querySelector("[aria-invalid]")?.focus();
  return homeless;
}

function placed({ at, message }) {
  const field = fieldOf(at);
  if (!field) return false;
  const id = `${PROBLEM}${form.querySelectorAll(".field-problem").length}`;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", [...described(field), id].join(" "));
  for (let around = field.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  (field.closest("label") ?? field).after(el("p", { class: "field-problem", id }, message));
  return true;
}

const described = (field) => (field.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && !id.startsWith(PROBLEM));

function fieldOf(pointer) {
  if (pointer.startsWith("/fees")) return byId("fees-text");
  if (pointer.startsWith("/brief/audience")) {
    const row = [...slices.children].find((one) => one.querySelector("select").value === keys(pointer)[2]);
    return row?.querySelector("[type=number]");
  }
  for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const field = fields().find((one) => one.name === at);
    if (field) return field;
  }
  return null;
}

/** Take the errors away: not before there is an answer, lest what one is about to click moves. */
export function clearProblem() {
  for (const told of form.querySelectorAll(".field-problem")) told.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.setAttribute("aria-describedby", described(field).join(" "));
  }
}

/** Whether all fields hold what they may; with `tell` the browser says which does not. */
export function complete({ tell = false } = {}) {
  if (form.checkValidity()) return true;
  if (tell) {
    for (const field of form.querySelectorAll(":invalid")) field.closest("details")?.setAttribute("open", "");
    byId("brief-panel").open = true;
    form.reportValidity();
  }
  return false;
}

/** Begin: `changed` is called whenever a field was changed, `asked` when the form was sent. */
export function beginQuestion({ changed, asked }) {
  byId("add-slice").onclick = () => {
    const row = slice(slices.lastElementChild?.querySelector("select").value ?? "country");
    slices.append(row);
    row.querySelector("input").focus();
  };
  byId("ranking").addEventListener("change", ({ target }) => {
    // Fees and the search for campaigns are no part of the question.
    if ((target.form ?? target) !== form || target.closest("[data-own]")) return;
    sumUp();
    changed();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    asked();
  });
}
