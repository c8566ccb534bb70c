// The script adds charts, live pages, local times and a copy button to the console. Every page works without it.
"use strict";

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

const twoDigits = (n) => String(n).padStart(2, "0");

// localize shows the times in an element in the zone of the browser. The title keeps the time in UTC.
function localize(element) {
  for (const time of element.querySelectorAll("time[datetime]")) {
    const t = new Date(time.dateTime);
    const day = [t.getFullYear(), twoDigits(t.getMonth() + 1), twoDigits(t.getDate())].join("-");
    const clock = [t.getHours(), t.getMinutes(), t.getSeconds()].map(twoDigits).join(":");
    const parts = { time: clock.slice(0, 5), date: day.slice(5), datetime: day.slice(5) + " " + clock.slice(0, 5) };
    time.textContent = parts[time.dataset.part] ?? day + "\u00a0" + clock;
  }
  for (const note of element.querySelectorAll("[data-zone]")) {
    note.textContent = "Times are in the zone of your browser, " + Intl.DateTimeFormat().resolvedOptions().timeZone + ". Point at a time to see it in UTC.";
  }
}

// group groups digits by three, as the pages do.
const group = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");

// readTable returns the numbers of a chart's table. A chart shows only what its table has.
function readTable(table) {
  const groups = [...table.querySelectorAll("thead th[data-group]")].map((th) => ({ name: th.dataset.group, label: th.textContent }));
  const rows = [...table.querySelectorAll("tbody tr")];
  return {
    groups,
    labels: rows.map((row) => row.querySelector("th").textContent),
    counts: groups.map((_, i) => rows.map((row) => Number(row.querySelectorAll("td")[i].dataset.n))),
  };
}

// stacked adds each series to the series before it, so that the columns are stacked.
function stacked(counts) {
  const sums = counts[0].map(() => 0);
  return counts.map((series) => series.map((n, i) => (sums[i] += n)));
}

const chartHeight = 180; // pixels

function drawColumns(box) {
  const { groups, labels, counts } = readTable(document.getElementById(box.dataset.chart));
  const heights = stacked(counts);
  const tip = document.createElement("p");
  tip.className = "tip";
  tip.setAttribute("aria-hidden", "true");
  const axis = { stroke: color("soft"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const bars = uPlot.paths.bars({ size: [0.75, 40], radius: 0 });
  const showTip = (u) => {
    const i = u.cursor.idx;
    const parts = i == null ? [] : groups.map((g, n) => [counts[n][i], g.label]).filter(([n]) => n > 0);
    tip.textContent = i == null ? "" : labels[i] + ": " + (parts.map(([n, label]) => n + " " + label).join(", ") || "none");
  };
  const options = {
    width: box.clientWidth, height: chartHeight, legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: false, range: (_, low, high) => [low - 0.6, high + 0.6] }, y: { range: (_, low, high) => [0, Math.max(high, 1) * 1.05] } },
    axes: [
      { ...axis, grid: { show: false }, size: 26, values: (_, at) => at.map((i) => labels[i] ?? ""), incrs: [1, 2, 3, 6, 12], space: labels[0].length * 8 + 6 },
      { ...axis, size: 50, values: (_, at) => at.map(group), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6], space: 30 },
    ],
    series: [{}, ...groups.map((g) => ({ fill: color(g.name), width: 0, paths: bars, points: { show: false } })).reverse()],
    hooks: { setCursor: [showTip] },
  };
  box.replaceChildren();
  const plot = new uPlot(options, [labels.map((_, i) => i), ...heights.reverse()], box);
  plot.root.setAttribute("role", "img");
  plot.root.setAttribute("aria-label", box.dataset.label);
  box.append(tip);
  fitted.observe(box);
  plots.set(box, plot);
}

const plots = new Map(); // by their boxes
const fitted = new ResizeObserver((entries) => {
  for (const { target } of entries) plots.get(target)?.setSize({ width: target.clientWidth, height: chartHeight });
});

// draw draws all charts again. It destroys the old charts, because the library keeps them otherwise.
function draw() {
  fitted.disconnect();
  for (const plot of plots.values()) plot.destroy();
  plots.clear();
  for (const box of document.querySelectorAll("[data-chart]")) {
    if (box.clientWidth > 0) drawColumns(box);
  }
}

// refresh loads the page again and replaces its live parts, except a part that the operator is using. After
// the end of a session the daemon redirects to the sign-in page. The header says that no person has caused the
// request, so that an open page does not keep its session alive.
async function refresh() {
  let answer;
  try {
    answer = await fetch(location.href, { headers: { Accept: "text/html", "Keyseat-Refresh": "true" } });
  } catch {
    return; // the daemon does not answer: try again next time
  }
  if (answer.redirected) location.reload();
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.querySelector(`[data-live="${old.dataset.live}"]`);
    if (!fresh || old.contains(document.activeElement) || old.matches(":hover") || holdsSelection(old) || holdsInput(old)) continue;
    const open = [...old.querySelectorAll("details")].map((details) => details.open);
    localize(fresh);
    old.replaceWith(document.adoptNode(fresh));
    fresh.querySelectorAll("details").forEach((details, i) => { details.open = open[i] ?? details.open; });
  }
  draw();
}

function holdsSelection(element) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(element, true);
}

// holdsInput reports whether the operator has changed a field of an element, for example selected a task.
function holdsInput(element) {
  return [...element.querySelectorAll("input")].some((field) => field.checked !== field.defaultChecked || field.value !== field.defaultValue);
}

const refreshInterval = 10_000; // milliseconds

function startRefresh() {
  if (!document.querySelector("[data-live]")) return;
  setInterval(() => { if (!document.hidden) refresh(); }, refreshInterval);
}

function copyButtons() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue; // browsers have no clipboard for pages without TLS
    button.hidden = false;
    button.addEventListener("click", async () => {
      const status = button.parentElement.querySelector("[data-copied]");
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
        status.textContent = "Copied.";
      } catch {
        status.textContent = "The browser does not allow it.";
      }
    });
  }
}

// signInByLink signs in with the token in the page's address, where the daemon allows it. Browsers do not send that part
// of an address to the daemon, and the script removes it from the history.
function signInByLink() {
  const form = document.querySelector("form[data-link]");
  const token = location.hash.match(/^#token=(\w+)$/)?.[1];
  if (!form || !token) return;
  history.replaceState(null, "", location.pathname);
  form.token.value = token;
  form.submit();
}

// searchKey moves the focus to the search field when the operator presses /.
function searchKey() {
  const field = document.getElementById("q");
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || !field || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    field.focus();
  });
}

signInByLink();
localize(document);
draw();
searchKey();
copyButtons();
startRefresh();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
