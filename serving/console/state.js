/** What the page is about: the question, the fees, who is chosen and compared. All but fees and choice is in the link. */

const FEES = "impel.fees";

export const MOST_COMPARED = 4;

export const state = {
  question: {}, // brief, filters, at_least, order_by: as /v1/rank takes them
  fees: new Map(JSON.parse(sessionStorage.getItem(FEES) ?? "[]")),
  chosen: new Map(), // account_id -> its prediction
  compared: [],
};

export function setFees(changed, { anew = false } = {}) {
  if (anew) state.fees.clear();
  for (const [account, fee] of changed) fee === null ? state.fees.delete(account) : state.fees.set(account, fee);
  sessionStorage.setItem(FEES, JSON.stringify([...state.fees]));
}

/** The link to a view with all that it needs; never a key. */
export function link(view, account) {
  const said = new URLSearchParams({ view });
  if (account !== undefined) {
    said.set("account", account);
    if (state.fees.has(account)) said.set("fee", state.fees.get(account));
  }
  for (const each of state.compared) said.append("compare", each);
  if (state.question.brief) said.set("question", JSON.stringify(state.question));
  return `#${said}`;
}

/** Read a link; what cannot be read of it is as if it were not there. Who is compared is read at first and to compare. */
export function read(hash, { first }) {
  const said = new URLSearchParams(hash.slice(1));
  const account = said.get("account");
  const fee = Number.parseFloat(said.get("fee"));
  let question = {};
  try {
    const given = JSON.parse(said.get("question") ?? "{}");
    if (given !== null && typeof given === "object" && !Array.isArray(given)) question = given;
  } catch {
    // A link that was cut short.
  }
  const view = said.get("view") ?? "ranking";
  if (first || view === "compare") state.compared = said.getAll("compare").slice(0, MOST_COMPARED);
  if (account !== null && fee >= 0 && !state.fees.has(account)) setFees([[account, fee]]);
  return { view, account, question };
}

/** The brief, once it has what every brief must have; else null. */
export function brief() {
  const { goal, vertical, starts_at } = state.question.brief ?? {};
  return goal && vertical && starts_at ? state.question.brief : null;
}

export const sameQuestion = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** One account as /v1/predict and /v1/explain take it. */
export function candidate(account, { fee = state.fees.get(account), at_least = state.question.at_least } = {}) {
  return { account_id: account, fee: fee ?? null, at_least: at_least ?? null };
}
