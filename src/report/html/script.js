"use strict";
// Columns sort by a click on their heads; a row and its marks in the charts light up together.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, at) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const isNumber = head.classList.contains("num");
    const value = row => { const text = row.cells[at].dataset.v; return text === "" ? null : isNumber ? Number(text) : text; };
    const isMissing = v => v === null || Number.isNaN(v);
    const rows = [...body.rows].map(row => [value(row), row]);
    rows.sort(([a], [b]) => {
      if (isMissing(a) || isMissing(b)) return isMissing(a) - isMissing(b);
      return (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1);
    });
    body.append(...rows.map(([, row]) => row));
  }));
}
const show = run => {
  document.body.classList.toggle("some", run !== undefined);
  for (const on of document.querySelectorAll(".on")) on.classList.remove("on");
  if (run !== undefined) for (const mark of document.querySelectorAll(`[data-run="${run}"]`)) mark.classList.add("on");
};
document.addEventListener("mouseover", event => show(event.target.closest("[data-run]")?.dataset.run));
