// The editor of policies, and the chart of what is usual. Without it the same is there as text.
"use strict";
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // ---- The editor: where the cursor is, Tab, and places that findings name.
  const editor = one("[data-editor]");
  if (editor) {
    const where = one("#where");
    // The page that answers to a form is at the place that can be loaded again.
    history.replaceState(null, "", editor.dataset.editor);
    const tell = () => {
      const before = editor.value.slice(0, editor.selectionStart).split("\n");
      if (where) where.textContent = `line ${before.length}, column ${before[before.length - 1].length + 1}`;
    };
    ["keyup", "click", "input"].forEach((name) => editor.addEventListener(name, tell));
    document.addEventListener("click", (event) => {
      const place = event.target.closest("[data-line]");
      if (!place) return;
      const lines = editor.value.split("\n");
      const line = Math.min(lines.length, Number(place.dataset.line) || 1);
      const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
      const from = start + Math.min((Number(place.dataset.column) || 1) - 1, lines[line - 1].length);
      editor.focus();
      editor.setSelectionRange(from, start + lines[line - 1].length);
      editor.scrollTop = Math.max(0, (line - 6) * (editor.scrollHeight / Math.max(1, lines.length)));
      tell();
    });
    tell();
    // What was tried was another text, and what has mistakes cannot come into force.
    const tried = one("#tried"), install = one("button[formaction$='/install']");
    if (tried) editor.addEventListener("input", () => { tried.hidden = true; });
    const judge = () => { if (install) install.disabled = one("#findings .findings .error") !== null; };
    judge();
    document.addEventListener("htmx:afterSwap", judge);
  }

  // ---- The chart, drawn from the table below it.
  const chart = one("[data-chart]");
  const rows = chart ? all("tbody tr", document.getElementById(chart.dataset.chart)) : [];
  // One hour alone is no line.
  if (chart && window.uPlot && rows.length > 1) {
    const cell = (row, place) => (row.cells[place].textContent.trim() === "" ? null : Number(row.cells[place].textContent));
    const column = (place) => rows.map((row) => cell(row, place));
    const times = rows.map((row) => Number(row.dataset.at));
    // Limits, the lower one first.
    const limits = [["limit", "warning limit", "--warn"], ["critical", "critical limit", "--bad"]].filter(([name]) => chart.dataset[name] !== undefined);
    const draw = () => {
      chart.textContent = "";
      const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
      const series = [
        {},
        { label: "highest", stroke: colour("--accent"), width: 2, points: { show: false } },
        { label: "5 %", stroke: colour("--line-strong"), width: 1, points: { show: false } },
        { label: "95 %", stroke: colour("--line-strong"), width: 1, points: { show: false } },
        { label: "usual", stroke: colour("--soft"), width: 1, dash: [2, 3], points: { show: false } },
      ];
      let data = [times, column(1), column(2), column(4), column(3)];
      // What nobody knows yet has no line, and no place in the legend.
      const hasUsual = data.slice(2).some((values) => values.some((value) => value !== null));
      if (!hasUsual) { series.length = 2; data = data.slice(0, 2); }
      for (const [name, label, hue] of limits) {
        series.push({ label: limits.length > 1 ? label : "limit", stroke: colour(hue), width: 1, dash: [6, 4], points: { show: false } });
        data.push(times.map(() => Number(chart.dataset[name])));
      }
      const width = Math.max(280, chart.clientWidth);
      // Its hours are those of the table: in the zone of the customer, not of the browser.
      const tzDate = (seconds) => window.uPlot.tzDate(new Date(seconds * 1e3), chart.dataset.zone || "UTC");
      const bands = hasUsual ? [{ series: [3, 2], fill: colour("--accent-soft") }] : [];
      // Hours as on the rest of the pages, 0 to 24; days where they begin.
      const hours = { ...axis, space: 70, values: (plot, splits) => splits.map((at) => {
        const it = tzDate(at), two = (number) => String(number).padStart(2, "0");
        return it.getHours() || it.getMinutes() ? `${two(it.getHours())}:${two(it.getMinutes())}` : it.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
      }) };
      new window.uPlot({ width, height: 320, series, axes: [hours, axis], bands, tzDate }, data, chart);
    };
    draw();
    addEventListener("resize", draw);
  }
})();
