
// The page works without this script. The script sends the same forms without a reload of the page, and
// checks the key again while a task is open. It stores nothing.
"use strict";
(() => {
  const ask = document.getElementById("ask"), slot = document.getElementById("slot"), live = document.getElementById("live");
  const shortest = 1000, longest = 10000; // between two checks, in milliseconds
  let timer = 0, pause = shortest, turn = 0;

  // send posts a form and returns the answer.
  async function send(form) {
    const data = new FormData(form);
    data.set("part", "answer");
    if (data.get("do") === "info") ["login", "pwd", "newemail", "country"].forEach((name) => data.delete(name));
    const response = await fetch(location.origin + location.pathname, { method: "POST", body: new URLSearchParams(data), cache: "no-store" });
    const part = document.createElement("template");
    part.innerHTML = await response.text();
    return { ok: response.ok, after: 1000 * (response.headers.get("Retry-After") || 0), answer: part.content.querySelector("section") };
  }

  // show puts an answer into the page. It focuses the answer if the reader requested it, or if the focus was
  // in the answer before.
  function show(answer, requested) {
    const inside = slot.contains(document.activeElement);
    answer.removeAttribute("autofocus"); // it is for a page that the browser loads
    slot.replaceChildren(answer);
    if (requested || inside) {
      answer.focus();
      answer.scrollIntoView({ block: "nearest" });
    } else {
      live.textContent = [...answer.querySelectorAll("h2, .said, .hint")].map((e) => e.textContent).join(" ");
    }
    pause = shortest;
    watch(pause);
  }

  // watch schedules the next check while a task is open.
  function watch(after) {
    clearTimeout(timer);
    if (!slot.querySelector("[data-waiting]")) return;
    slot.firstElementChild.classList.add("watching");
    showTime();
    timer = setTimeout(check, after);
  }

  function showTime() {
    const time = slot.querySelector(".looked time");
    if (time) time.textContent = new Date().toLocaleTimeString();
  }

  async function check() {
    const again = slot.querySelector("form.again"), mine = turn;
    if (!again) return;
    if (document.hidden) {
      document.addEventListener("visibilitychange", () => watch(0), { once: true });
      return;
    }
    pause = Math.min(longest, pause * 1.4);
    const result = await send(again).catch(() => ({ ok: false, after: 0 }));
    if (mine !== turn) return; // the reader has sent another form
    if (result.ok && result.answer && !result.answer.hasAttribute("data-waiting")) show(result.answer, false);
    else watch(Math.max(pause, result.after));
  }

  // submit sends the form of the reader, one at a time.
  async function submit(event) {
    const form = event.target, button = form.querySelector("button");
    event.preventDefault();
    if (button.hasAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    turn++;
    clearTimeout(timer);
    live.textContent = button.dataset.busy || "";
    const result = await send(form).catch(() => ({ ok: false }));
    live.textContent = "";
    button.removeAttribute("aria-disabled");
    const answer = result.answer || document.getElementById("offline").content.firstElementChild.cloneNode(true);
    if (answer.dataset.state === "accepted") ["login", "pwd", "newemail"].forEach((name) => { ask.elements[name].value = ""; });
    show(answer, true);
  }

  document.addEventListener("submit", submit);
  watch(shortest);
})();
