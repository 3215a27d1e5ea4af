/** Numbers, moments and codes as people read them; null is a dash. */

const NONE = "–";
const GAP = "\u00a0"; // a number stays with its unit
const LOCALE = "en-GB";

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const two = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 });
const digits = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 2 });
const three = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumSignificantDigits: 3 });
const date = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

const known = (write) => (value) => (value == null || Number.isNaN(value) ? NONE : write(value).replace("-", "−"));

export const count = known((value) => whole.format(value));
export const short = known((value) => compact.format(value));
export const money = known((value) => (Math.abs(value) < 100 ? two : whole).format(value));
export const amount = known((value) => (Math.abs(value) < 1000 ? three : whole).format(value));
export const decimal = known((value) => value.toFixed(2));
export const day = known((value) => date.format(new Date(value)));

/** 0.256 as "26 %", and never "100 %" or "0 %" of what is not certain. */
export const share = known((value) => {
  if (value > 0.995 && value < 1) return `>99${GAP}%`;
  if (value > 0 && value < 0.001) return `<0.1${GAP}%`;
  return `${(Math.abs(value) < 0.1 ? digits : whole).format(100 * value)}${GAP}%`;
});

/** A difference of two shares, in points of a hundred: "+3.2". */
export const points = known((value) => `${value >= 0.0005 ? "+" : ""}${(100 * value).toFixed(1).replace(/^-0\.0$/, "0.0")}`);

export const range = (low, high, write = count) => (low == null || high == null ? "" : `${write(low)} to ${write(high)}`);

export function ordinal(number) {
  const ending = { one: "st", two: "nd", few: "rd", other: "th" };
  return `${number}${ending[new Intl.PluralRules("en", { type: "ordinal" }).select(number)]}`;
}

export const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** What answers say of accounts that were never hired for such briefs. */
export const SUPPORT = {
  in: { words: "like past hires", about: "Accounts like this one were hired for briefs like this one." },
  edge: { words: "at the edge", about: "Few accounts like this one were hired for briefs like this one." },
  outside: {
    words: "outside what was hired",
    about: "No account like this one was ever hired for a brief like this one: the answer is a leap beyond experience.",
  },
};

export const GOALS = {
  awareness: "awareness (impressions)",
  engagement: "engagement (reactions)",
  traffic: "traffic (clicks)",
  signup: "sign-up",
  sale: "sale (orders)",
};
