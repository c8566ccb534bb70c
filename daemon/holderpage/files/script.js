
// The page works without this script. The script sends the same forms without a reload of the page, and
// checks the key again while a task is open. It stores nothing but the key, in the fragment of the URL.
"use strict";
(() => {
  const ask = document.getElementById("ask"), slot = document.getElementById("slot"), live = document.getElementById("live");
  const lang = document.documentElement.lang;
  const shortest = 1000, longest = 10000; // between two checks, in milliseconds
  let timer = 0, pause = shortest, turn = 0;

  // post sends the fields of a form and returns the answer.
  async function post(data) {
    data.set("part", "answer");
    if (data.get("do") === "info") ["login", "pwd", "newemail", "country"].forEach((name) => data.delete(name));
    const url = location.origin + location.pathname + "?lang=" + encodeURIComponent(lang);
    const response = await fetch(url, { method: "POST", body: new URLSearchParams(data), cache: "no-store" });
    const part = document.createElement("template");
    part.innerHTML = await response.text();
    localize(part.content);
    return { ok: response.ok, after: 1000 * (response.headers.get("Retry-After") || 0), answer: part.content.querySelector("section") };
  }

  // show puts an answer into the page. If the reader requested it, the focus goes to the field that the answer
  // is about, or else to the answer. It also goes to the answer if it was there before.
  function show(answer, requested) {
    const inside = slot.contains(document.activeElement);
    answer.removeAttribute("autofocus"); // it is for a page that the browser loads
    slot.replaceChildren(answer);
    const field = requested && answer.dataset.field && ask.elements[answer.dataset.field];
    if (field) {
      mark(field, answer.querySelector(".said").textContent);
      field.focus();
    } else if (requested || inside) {
      answer.focus();
      answer.scrollIntoView({ block: "nearest" });
    } else {
      live.textContent = [...answer.querySelectorAll("h2, .said, .hint")].map((e) => e.textContent).join(" ");
    }
    pause = shortest;
    watch(pause);
  }

  // mark shows an error at a field. An empty text removes it.
  function mark(field, text) {
    const error = document.getElementById(field.id + "-error");
    if (!error) return;
    error.textContent = text;
    if (text) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }

  // watch schedules the next check while a task is open.
  function watch(after) {
    clearTimeout(timer);
    if (!slot.querySelector("[data-waiting]")) return;
    slot.firstElementChild.classList.add("watching");
    const time = slot.querySelector(".looked time");
    if (time) time.textContent = new Date().toLocaleTimeString(locale());
    timer = setTimeout(check, after);
  }

  async function check() {
    const again = slot.querySelector("form.again"), mine = turn;
    if (!again) return;
    if (document.hidden) {
      document.addEventListener("visibilitychange", () => watch(0), { once: true });
      return;
    }
    pause = Math.min(longest, pause * 1.4);
    const result = await post(new FormData(again)).catch(() => ({ ok: false, after: 0 }));
    if (mine !== turn) return; // the reader has sent another form
    if (result.ok && result.answer && !result.answer.hasAttribute("data-waiting")) {
      show(result.answer, false);
      return;
    }
    const age = slot.querySelector(".age"), newer = result.answer && result.answer.querySelector(".age");
    if (age && newer) age.replaceWith(newer);
    watch(Math.max(pause, result.after));
  }

  // submit sends the form of the reader, one at a time.
  async function submit(event) {
    const form = event.target, button = form.querySelector("[type=submit]");
    event.preventDefault();
    if (form.classList.contains("next")) {
      open(form);
      return;
    }
    if (button.hasAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    turn++;
    clearTimeout(timer);
    reveal(false);
    for (const field of ask.querySelectorAll("[aria-invalid]")) mark(field, "");
    live.textContent = button.dataset.busy || "";
    const data = new FormData(form);
    const result = await post(data).catch(() => ({ ok: false }));
    live.textContent = "";
    button.removeAttribute("aria-disabled");
    const answer = result.answer || document.getElementById("offline").content.firstElementChild.cloneNode(true);
    if (answer.dataset.state === "accepted") ["login", "pwd", "newemail"].forEach((name) => { ask.elements[name].value = ""; });
    remember(data.get("key"), result.ok && answer.dataset.state !== "not_exist");
    show(answer, true);
  }

  // open selects the call that an answer offers, with the key of the answer.
  function open(form) {
    ask.elements.do.value = form.elements.open.value;
    ask.elements.key.value = form.elements.key.value;
    ask.elements.login.focus();
    ask.scrollIntoView({ block: "nearest" });
  }

  // remember puts a key into the fragment of the URL, which no request contains. A reload checks it again if
  // it is known.
  function remember(key, known) {
    history.replaceState({ known }, "", location.pathname + location.search + (key && "#" + encodeURIComponent(key)));
  }

  // recall takes the key from the fragment of the URL.
  async function recall() {
    let key = location.hash.slice(1);
    try { key = decodeURIComponent(key); } catch { /* a key with a percent sign, as it is */ }
    if (!key) return;
    ask.elements.key.value = key;
    if (!history.state || !history.state.known || slot.firstElementChild) return;
    const data = new FormData(), mine = turn;
    data.set("do", "info");
    data.set("key", key);
    const result = await post(data).catch(() => ({}));
    if (result.answer && mine === turn) show(result.answer, false);
  }

  // locale returns the language of the page, in the reader's variant of it.
  function locale() {
    return navigator.languages.find((l) => l.split("-")[0] === lang.split("-")[0]) || lang || undefined;
  }

  // localize shows the times in the reader's time zone. Their titles have them in UTC.
  function localize(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      time.textContent = new Date(time.dateTime).toLocaleString(locale(), { dateStyle: "long", timeStyle: "short" });
    }
  }

  // reveal shows or hides the password.
  function reveal(shown) {
    const button = document.getElementById("reveal");
    if (!button) return;
    ask.elements.pwd.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  }

  // fold returns a name as the filter compares it: without accents and in lower case.
  function fold(name) {
    return name.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("ı", "i").replaceAll("ł", "l").trim();
  }

  // filter shows the countries whose name or code has the typed text.
  function filter(event) {
    const text = fold(event.target.value), status = event.target.parentElement.querySelector("[role=status]");
    let found = 0;
    for (const item of document.querySelectorAll(".stock li")) {
      item.hidden = !fold(item.firstElementChild.textContent).includes(text) && item.dataset.code.toLowerCase() !== text;
      if (!item.hidden) found++;
    }
    status.textContent = found ? "" : status.dataset.none;
  }

  document.addEventListener("submit", submit);
  ask.addEventListener("input", (event) => mark(event.target, ""));
  window.addEventListener("hashchange", recall);
  for (const link of document.querySelectorAll(".languages a")) {
    link.addEventListener("click", () => { link.hash = location.hash; });
  }
  const eye = document.getElementById("reveal"), find = document.getElementById("filter");
  if (eye) {
    eye.hidden = false;
    eye.addEventListener("click", () => reveal(eye.getAttribute("aria-pressed") === "false"));
  }
  if (find) {
    find.hidden = false;
    find.addEventListener("input", filter);
  }
  localize(document);
  watch(shortest);
  recall();
})();
