/** CSV as spreadsheets read and write it (RFC 4180). */

/** Read lines of cells; quotes may hold commas, line breaks and doubled quotes. */
export function readCsv(text) {
  const rows = [];
  let row = [];
  const pattern = /("(?:[^"]|"")*"|[^,;\t\r\n"]*)(\r\n|[,;\t\r\n]|$)/g;
  for (const [whole, cell, end] of text.replace(/^\ufeff/, "").matchAll(pattern)) {
    row.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell.trim());
    if (!/^[,;\t]$/.test(end)) {
      rows.push(row);
      row = [];
    }
    if (whole === "") break;
  }
  return rows.filter((cells) => cells.some((cell) => cell !== ""));
}

/** Write lines of cells. A text that a spreadsheet would run as a formula is told apart by an apostrophe. */
export const writeCsv = (rows) => rows.map((row) => `${row.map(written).join(",")}\r\n`).join("");

function written(value) {
  if (value == null) return "";
  if (typeof value === "number") return String(value);
  const text = /^\s*[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Save a text as a file, without any server. */
export function download(text, file) {
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  const anchor = document.createElement("a");
  Object.assign(anchor, { href: address, download: file });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
