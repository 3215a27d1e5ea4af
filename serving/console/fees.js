/** Fees out of a pasted or loaded CSV: account_id,fee. */

import { readCsv } from "./csv.js";
import { announce, byId } from "./dom.js";
import { plural } from "./format.js";
import { setFees, state } from "./state.js";

const MOST_FEES = 10_000; // as the service takes them

/** Read fees; a first line without a number is the head. */
function feesOf(text) {
  const fees = new Map();
  const unread = [];
  for (const [place, [account, fee, ...more]] of readCsv(text).entries()) {
    const amount = Number(fee);
    if (account && fee && amount >= 0 && amount <= 1e9 && more.every((cell) => cell === "")) fees.set(account, amount);
    else if (place > 0 || !Number.isNaN(amount)) unread.push(place + 1);
  }
  return { fees, unread };
}

export function beginFees(changed) {
  const told = byId("fees-told");
  const take = (text) => {
    const { fees, unread } = feesOf(text);
    const wrong = unread.length > 0 ? ` Not read: ${unread.length === 1 ? "line" : "lines"} ${unread.slice(0, 5).join(", ")}` +
      `${unread.length > 5 ? ` and ${unread.length - 5} more` : ""}; a line is account_id,fee with a point for decimals.` : "";
    if (new Set([...state.fees.keys(), ...fees.keys()]).size > MOST_FEES) {
      told.textContent = `The service takes ${plural(MOST_FEES, "fee")} at most; keep those of the accounts in question.`;
      return;
    }
    setFees(fees);
    showFees(`${plural(fees.size, "fee")} read.${wrong}`);
    announce(told.textContent);
    if (fees.size > 0) changed();
  };
  byId("fees-take").onclick = () => take(byId("fees-text").value);
  byId("fees-file").onchange = async ({ target }) => {
    if (target.files[0]) take(await target.files[0].text());
    target.value = "";
  };
  byId("fees-clear").onclick = () => {
    setFees([], { anew: true });
    byId("fees-text").value = "";
    showFees("");
    changed();
  };
  showFees("");
}

/** Say how many fees are known. */
export function showFees(told) {
  byId("fees-told").textContent = told || (state.fees.size > 0 ? `${plural(state.fees.size, "fee")} known.` : "No fee known yet.");
  const value = byId("order").querySelector("[value=value_per_cost]");
  value.disabled = state.fees.size === 0;
}
