/** The service: JSON in, JSON out, problems as exceptions, and the API key where it asks for one. */

import { byId } from "./dom.js";

const KEY = "impel.key";

/** What the service (or the way to it) said went wrong: RFC 9457. */
export class Problem extends Error {
  constructor({ status = 0, code = "", detail, errors = [] }) {
    super(detail);
    Object.assign(this, { name: "Problem", status, code, detail, errors });
  }
}

/** Ask the service; where it wants a key, ask the person for it and try again. */
export async function ask(path, { body, signal } = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEY);
    const answer = await sent(path, { body, signal, key });
    if (answer.ok) return answer.json();
    const problem = await problemOf(answer);
    if (problem.status !== 401) throw problem;
    if (sessionStorage.getItem(KEY) === key) await keyFor(problem);
  }
}

async function sent(path, { body, signal, key }) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers.Authorization = `Bearer ${key}`;
  try {
    return await fetch(new URL(`../${path}`, import.meta.url), {
      method: body === undefined ? "GET" : "POST",
      headers, signal, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: "The service cannot be reached. Look whether it runs, then try again." });
  }
}

async function problemOf(answer) {
  try {
    return new Problem(await answer.json());
  } catch {
    return new Problem({ status: answer.status, detail: `The service answered with status ${answer.status} and no reason.` });
  }
}

let asking;

/** Ask for a key once, however many requests wait for it; the problem stands where none is given. */
function keyFor(problem) {
  asking ??= new Promise((resolve, reject) => {
    const dialog = byId("key-dialog");
    const input = byId("key");
    byId("key-problem").textContent = problem.detail;
    input.value = "";
    byId("key-form").onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, input.value.trim());
      dialog.close("given");
    };
    byId("key-cancel").onclick = () => dialog.close("");
    dialog.onclose = () => {
      asking = undefined;
      dialog.returnValue === "given" ? resolve() : reject(problem);
      dialog.returnValue = "";
    };
    dialog.showModal();
  });
  return asking;
}

/** Forget the key; the page starts anew. */
export function forgetKey() {
  sessionStorage.removeItem(KEY);
  location.reload();
}

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
