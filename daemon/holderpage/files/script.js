
// The page works without this: it sends the same forms without loading the page again, and keeps
// asking while a task is open. It keeps nothing.
"use strict";
(() => {
  const ask = document.getElementById("ask"), slot = document.getElementById("slot"), live = document.getElementById("live");
  const shortest = 1000, longest = 10000; // between two looks, in milliseconds
  let timer = 0, pause = shortest, turn = 0;

  // send posts a form and gives the answer's part of the page.
  async function send(form) {
    const data = new FormData(form);
    data.set("part", "answer");
    if (data.get("do") === "info") ["login", "pwd", "newemail", "country"].forEach((name) => data.delete(name));
    const response = await fetch(location.origin + location.pathname, { method: "POST", body: new URLSearchParams(data), cache: "no-store" });
    const part = document.createElement("template");
    part.innerHTML = await response.text();
    return { ok: response.ok, after: 1000 * (response.headers.get("Retry-After") || 0), answer: part.content.querySelector("section") };
  }

  // show puts an answer into the page; who has asked for it, or was in the last one, is brought to it.
  function show(answer, asked) {
    const inside = slot.contains(document.activeElement);
    answer.removeAttribute("autofocus"); // which is for a page that is loaded
    slot.replaceChildren(answer);
    if (asked || inside) {
      answer.focus();
      answer.scrollIntoView({ block: "nearest" });
    } else {
      live.textContent = [...answer.querySelectorAll("h2, .said, .hint")].map((e) => e.textContent).join(" ");
    }
    pause = shortest;
    watch(pause);
  }

  // watch looks again after a while, as long as a task is open.
  function watch(after) {
    clearTimeout(timer);
    if (!slot.querySelector("[data-waiting]")) return;
    slot.firstElementChild.classList.add("watching");
    looked();
    timer = setTimeout(look, after);
  }

  function looked() {
    const time = slot.querySelector(".looked time");
    if (time) time.textContent = new Date().toLocaleTimeString();
  }

  async function look() {
    const again = slot.querySelector("form.again"), mine = turn;
    if (!again) return;
    if (document.hidden) {
      document.addEventListener("visibilitychange", () => watch(0), { once: true });
      return;
    }
    pause = Math.min(longest, pause * 1.4);
    const said = await send(again).catch(() => ({ ok: false, after: 0 }));
    if (mine !== turn) return; // the reader has asked for something else
    if (said.ok && said.answer && !said.answer.hasAttribute("data-waiting")) show(said.answer, false);
    else watch(Math.max(pause, said.after));
  }

  // submit sends what the reader asks for, one at a time.
  async function submit(event) {
    const form = event.target, button = form.querySelector("button");
    event.preventDefault();
    if (button.hasAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    turn++;
    clearTimeout(timer);
    live.textContent = button.dataset.busy || "";
    const said = await send(form).catch(() => ({ ok: false }));
    live.textContent = "";
    button.removeAttribute("aria-disabled");
    const answer = said.answer || document.getElementById("offline").content.firstElementChild.cloneNode(true);
    if (answer.dataset.state === "accepted") ["login", "pwd", "newemail"].forEach((name) => { ask.elements[name].value = ""; });
    show(answer, true);
  }

  document.addEventListener("submit", submit);
  watch(shortest);
})();
