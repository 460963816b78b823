// What pages do beyond links and forms: keys, selection, what comes in live, toasts. Without it everything still works.
"use strict";
(() => {
  const body = document.body;
  // Milliseconds after which what failed is tried again.
  const PAUSE = 3000;
  // Milliseconds by which a count of open cases may be behind; see COUNTED_MICROS.
  const COUNTED = 600;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);

  // ---- Rows: one of them is where the keys are.
  const rows = () => all("[data-row]");
  const here = () => one("[data-row].at");
  const goTo = (row) => {
    if (!row) return;
    all("[data-row].at").forEach((it) => it.classList.remove("at"));
    row.classList.add("at");
    row.scrollIntoView({ block: "nearest" });
    const link = one("a.through", row);
    if (link) link.focus({ preventScroll: true });
  };
  // Where the keys were before the page was loaded anew, between two rows where theirs is gone. No key acts on it: held a moment too
  // long, it would act once more.
  let before = null;
  const step = (by) => {
    const list = rows();
    const at = here() ? list.indexOf(here()) : before;
    const to = by > 0 ? Math.floor(at) + 1 : Math.ceil(at) - 1;
    goTo(list[at === null ? (by > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, to))]);
  };
  let lastSelected = null;
  const select = (row, on) => {
    const box = row && one("input[type=checkbox][data-select]", row);
    if (!box) return;
    box.checked = on === undefined ? !box.checked : on;
    row.setAttribute("aria-selected", box.checked);
    lastSelected = row;
    box.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const selectRange = () => {
    const list = rows();
    const from = list.indexOf(lastSelected), to = list.indexOf(here());
    if (to < 0) return;
    list.slice(Math.min(from < 0 ? to : from, to), Math.max(from, to) + 1).forEach((row) => select(row, true));
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-select-all]")) {
      rows().forEach((row) => select(row, event.target.checked));
    }
    const chosen = all("input[data-select]:checked").length;
    all("[data-chosen]").forEach((it) => { it.hidden = chosen === 0; });
    all("[data-chosen-count]").forEach((it) => { it.textContent = chosen; });
  });

  // ---- Keys: what bears data-key does what its key says. A key of two letters, as "g q", is typed one after the other.
  const visible = (it) => it.offsetParent !== null && !it.disabled;
  const bound = (key) => all("[data-key]").find((it) => it.dataset.key === key && (visible(it) || it.dataset.always !== undefined));
  const act = (it) => {
    // What is opened by a key is gone on with by the keyboard.
    if (it.tagName === "SUMMARY") {
      it.parentElement.open = true;
      one("input:not([type=hidden]), select, textarea", it.parentElement)?.focus();
      return;
    }
    const shut = it.closest("details:not([open])");
    if (shut && !it.closest(".menu")) shut.open = true;
    if (it.tagName === "INPUT" || it.tagName === "TEXTAREA" || it.tagName === "SELECT") it.focus();
    else it.click();
  };
  let begun = "";
  let begunAt = 0;
  const keyOf = (event) => (event.key === " " ? "space" : event.key);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openCommands();
      return;
    }
    const inField = event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
    if (event.key === "Escape" && inField) { event.target.blur(); return; }
    if (inField && (event.ctrlKey || event.metaKey) && event.key === "Enter") {
      const form = event.target.closest("form");
      if (!form) return;
      // In a field of one line Enter sends by itself, and must not do so a second time.
      event.preventDefault();
      // What the customer reads has a key of its own: a note that is typed in the wrong field stays in the house.
      if (form.dataset.sends === "out" && !event.shiftKey) toast("The customer reads this: Ctrl, Shift and Enter send it");
      else if (form.dataset.sends === "in" && event.shiftKey) toast("A note stays here: Ctrl and Enter keep it");
      else form.requestSubmit(one("button:not([type=button])", form));
      return;
    }
    if (inField || event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
    if (body.dataset.keys !== "yes") return;
    const key = keyOf(event);
    const now = Date.now();
    const sequence = begun && now - begunAt < 1200 ? `${begun} ${key}` : key;
    const hit = bound(sequence) || (sequence !== key ? null : undefined);
    if (hit) { event.preventDefault(); begun = ""; if (!event.repeat) act(hit); return; }
    const opens = all("[data-key]").some((it) => it.dataset.key.startsWith(`${key} `));
    if (!begun && opens) {
      begun = key; begunAt = now;
      const single = all("[data-key-alone]").find((it) => it.dataset.keyAlone === key && visible(it));
      if (single) setTimeout(() => { if (begun === key) { begun = ""; act(single); } }, 700);
      event.preventDefault();
      return;
    }
    begun = "";
    switch (key) {
      case "j": case "ArrowDown": if (rows().length) { event.preventDefault(); step(1); } break;
      case "k": case "ArrowUp": if (rows().length) { event.preventDefault(); step(-1); } break;
      case "x": select(here()); break;
      case "X": selectRange(); break;
      case "Enter": { const link = here() && one("a.through", here()); if (link && document.activeElement === body) link.click(); break; }
      case "Escape": { const back = one("[data-back]"); if (back) back.click(); break; }
      case "/": { const find = one("#find"); if (find) { event.preventDefault(); find.focus(); find.select(); } break; }
      case "?": openKeys(); break;
      default: break;
    }
  });
  // The map of keys, without those that do nothing on this page.
  const openKeys = () => {
    const places = {
      row: "[data-row]", pick: "[data-row] [data-select]", group: "[data-key-alone]", back: "[data-back]",
      send: "main form:not([method=get], [data-sends=out]) :is(input:not([type=hidden]), select, textarea)", "send-out": "form[data-sends=out]",
    };
    all("#keys [data-for]").forEach((line) => {
      const key = line.dataset.for;
      const hit = places[key] ? one(places[key]) : bound(key);
      line.hidden = !hit;
      if (hit?.dataset.say && !places[key] && key.match(/^[a-z[\]]$/)) one("dd", line).textContent = hit.dataset.say.charAt(0).toLowerCase() + hit.dataset.say.slice(1);
    });
    one("#keys")?.showModal();
  };
  all("[data-command=help]").forEach((it) => it.addEventListener("click", openKeys));

  // ---- All commands, to be typed for.
  const openCommands = () => {
    let dialog = one("#commands");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "commands";
      dialog.setAttribute("aria-label", "Commands");
      const input = document.createElement("input");
      input.type = "search"; input.placeholder = "What do you want to do?"; input.setAttribute("aria-label", "Command");
      input.style = "";
      const list = document.createElement("ul");
      list.className = "commands";
      dialog.append(input, list);
      body.append(dialog);
      const fill = () => {
        const wanted = input.value.toLowerCase();
        list.textContent = "";
        const found = all("[data-key], [data-say], .side a").filter((it) => !dialog.contains(it) && (visible(it) || it.dataset.always !== undefined));
        const seen = new Set();
        for (const it of found) {
          const words = (it.dataset.say || it.getAttribute("aria-label") || it.textContent || it.placeholder || "").trim().replace(/\s+/g, " ");
          if (!words || seen.has(words) || !words.toLowerCase().includes(wanted)) continue;
          seen.add(words);
          const line = document.createElement("li");
          const button = document.createElement("button");
          button.type = "button"; button.className = "plain"; button.textContent = words;
          if (it.dataset.key) { const key = document.createElement("kbd"); key.textContent = it.dataset.key; button.append(" ", key); }
          button.addEventListener("click", () => { dialog.close(); act(it); });
          line.append(button); list.append(line);
        }
      };
      input.addEventListener("input", fill);
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter") { event.preventDefault(); one("button", list)?.click(); }
        if (event.key === "ArrowDown") { event.preventDefault(); one("button", list)?.focus(); }
        // A field of searches would only be emptied.
        if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); dialog.close(); }
      });
      list.addEventListener("keydown", (event) => {
        const buttons = all("button", list);
        const at = buttons.indexOf(document.activeElement);
        if (event.key === "ArrowDown") { event.preventDefault(); buttons[Math.min(buttons.length - 1, at + 1)]?.focus(); }
        if (event.key === "ArrowUp") { event.preventDefault(); (at > 0 ? buttons[at - 1] : input).focus(); }
      });
      dialog.fill = () => { input.value = ""; fill(); input.focus(); };
    }
    dialog.showModal();
    dialog.fill();
  };
  all("[data-command=commands]").forEach((it) => it.addEventListener("click", openCommands));

  // ---- Toasts, some with a way back.
  const toast = (text, undo, words = "Undo (z)") => {
    const box = document.createElement("div");
    box.className = "toast"; box.setAttribute("role", "status");
    const said = document.createElement("span");
    said.textContent = text;
    box.append(said);
    if (undo) {
      const button = document.createElement("button");
      button.type = "button"; button.textContent = words; button.dataset.key = "z";
      button.addEventListener("click", () => { box.remove(); undo(); });
      box.append(button);
    }
    one("#toasts").append(box);
    setTimeout(() => box.remove(), 10000);
  };
  window.ringwall = { toast };

  // ---- Copying, and forms that ask before they do.
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) { navigator.clipboard?.writeText(copy.dataset.copy); toast(`${copy.dataset.copy} is copied`); }
    const opener = event.target.closest("[data-open]");
    if (opener) {
      const target = document.getElementById(opener.dataset.open);
      if (target?.tagName === "DIALOG") { event.preventDefault(); target.showModal(); }
      else if (target) { event.preventDefault(); target.hidden = false; one("textarea, input:not([type=hidden]), select", target)?.focus(); }
    }
  });

  // ---- Closing: of a false positive the rule is to be said as well.
  const closing = one("#reason"), feedback = one("#feedback");
  if (closing && feedback) {
    const judge = () => { feedback.required = closing.value === "false-positive"; };
    closing.addEventListener("change", judge);
    judge();
  }

  // ---- What ends something at once asks first.
  document.addEventListener("submit", (event) => {
    const words = event.submitter?.dataset.confirm;
    if (words && !confirm(words)) event.preventDefault();
  });

  // ---- Drafts: what was typed is there again until a page says that what was sent is done. Each person has their own, each tab too.
  const draftOf = (area) => `draft:${body.dataset.who}:${area.dataset.draft}`;
  const keep = (name, text) => { try { sessionStorage.setItem(name, text); } catch { /* There is no room: the page itself still has it. */ } };
  const digest = (text) => { let sum = 5381; for (let at = 0; at < text.length; at += 1) sum = (sum * 33 + text.charCodeAt(at)) | 0; return `${text.length}.${sum}`; };
  const sent = JSON.parse(sessionStorage.getItem("sent") ?? "[]");
  sessionStorage.removeItem("sent");
  if (one("main > .toast")) sent.forEach((name) => sessionStorage.removeItem(name));
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    // Whoever leaves on purpose leaves nothing behind.
    if (event.target.getAttribute("action") === "/logout") Object.keys(sessionStorage).filter((name) => name.startsWith("draft:")).forEach((name) => sessionStorage.removeItem(name));
    else keep("sent", JSON.stringify(all("textarea[data-draft]", event.target).map(draftOf)));
  });
  const restore = (area) => {
    const name = draftOf(area);
    // What was typed stands behind what the page had there when it was begun.
    const begun = digest(area.defaultValue);
    const kept = sessionStorage.getItem(name) ?? "";
    const from = kept.slice(0, kept.indexOf("\n")), text = kept.slice(kept.indexOf("\n") + 1);
    const putBack = () => {
      area.value = text;
      const shut = area.closest("details");
      if (shut) shut.open = true;
      area.dispatchEvent(new Event("input", { bubbles: true }));
    };
    area.addEventListener("input", () => {
      if (area.value === area.defaultValue) sessionStorage.removeItem(name);
      else keep(name, `${begun}\n${area.value}`);
    });
    if (!kept || text === area.value) return;
    if (from === begun) putBack();
    else toast(`You began to write something else here: ${area.labels[0]?.textContent ?? ""}`, putBack, "Put it back (z)");
  };
  // Once htmx is there, so that what is put back is looked at as if it were typed.
  document.addEventListener("DOMContentLoaded", () => all("textarea[data-draft]").forEach(restore));

  // ---- What changes elsewhere. Whoever comes back says which turn they saw last. It is read here, since an EventSource gives up for
  // ever once an error came as an answer, as from a proxy while the service starts again.
  const offline = one("#offline");
  const warn = (text) => { if (offline) { offline.hidden = !text; offline.textContent = text; } };
  const OLD = "No connection: what you see may be old";
  const LOGGED_OUT = "You are logged out: what you type is kept, and sending it leads to the log-in";
  if (one("[data-live]")) {
    // Browsers have six connections to a host by HTTP/1.1, for all tabs together: one that nobody sees lets its own go as soon as it
    // has a place to come back to, and goes on from there when it is seen again.
    const isWanted = () => document.visibilityState === "visible" || !last;
    let last = "", isLeaving = false, connection = null;
    const tell = (lines) => {
      const event = {};
      for (const line of lines) { const at = line.indexOf(": "); if (at > 0) event[line.slice(0, at)] = line.slice(at + 2); }
      // Of a turn that was cut in the middle there is no id: all of it comes again.
      if (event.id) last = event.id;
      if (event.event === "reset") document.dispatchEvent(new CustomEvent("ringwall:reset"));
      else if (event.event !== "begin" && event.data) document.dispatchEvent(new CustomEvent("ringwall:changed", { detail: JSON.parse(event.data) }));
    };
    // How long to wait before the next try: hardly where a stream ended in peace, as each does after some minutes.
    const read = async () => {
      connection = new AbortController();
      const response = await fetch("/v1/events", { headers: last ? { "last-event-id": last } : {}, signal: connection.signal });
      // Whoever may not is asked to log in when they do something.
      if (!response.ok) {
        warn(response.status === 401 ? LOGGED_OUT : OLD);
        return response.status < 500 ? 60000 : PAUSE;
      }
      warn("");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ;) {
        const { value, done } = await reader.read();
        if (done) return 300;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        blocks.forEach((block) => tell(block.split("\n")));
        if (!isWanted()) connection.abort();
      }
    };
    const follow = async () => {
      while (!isLeaving) {
        if (!isWanted()) {
          await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
          continue;
        }
        const pause = await read().catch(() => PAUSE);
        if (isLeaving || !isWanted()) continue;
        if (pause === PAUSE) warn(OLD);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    };
    follow();
    document.addEventListener("visibilitychange", () => { if (!isWanted()) connection?.abort(); });
    addEventListener("pagehide", () => { isLeaving = true; connection?.abort(); });
  }

  // ---- htmx: what failed is said, and never looks as if it had been done.
  document.addEventListener("htmx:responseError", (event) => (event.detail.xhr.status === 401 ? warn(LOGGED_OUT) : toast(event.detail.xhr.statusText ? `Not done: ${event.detail.xhr.status} ${event.detail.xhr.statusText}` : "Not done")));
  document.addEventListener("htmx:sendError", () => toast("Not done: there is no connection"));

  // ---- The desk: many at once, what comes in without a jump, and ten seconds to take something back.
  const bulk = one("form[data-bulk]");
  if (bulk) {
    const everything = one("input[name=all]", bulk);
    const show = () => { bulk.hidden = !one("input[data-select]:checked") && !everything?.checked; };
    show();
    document.addEventListener("change", show);
    bulk.addEventListener("submit", (event) => {
      if (one("input[data-select]:checked") || everything?.checked) return;
      // A key pressed on a row means that row.
      if (here()) select(here(), true);
      if (!one("input[data-select]:checked")) { event.preventDefault(); toast("Go to a case with j and k, or select some with x, first"); }
    });
  }
  all("form[data-undo]").forEach((form) => setTimeout(() => form.remove(), Number(form.dataset.undo)));

  const pill = one("#fresh");
  const say = (text) => { if (pill) { pill.hidden = !text; pill.textContent = text; } };
  pill?.addEventListener("click", () => location.assign(location.pathname + location.search));
  if (pill) document.addEventListener("ringwall:reset", () => say("Load anew"));
  const list = one("[data-rows]");
  if (list) {
    const fresh = new Set();
    const touched = new Set();
    let waits = null, last = null, came = 0;
    const shown = (number) => one(`[data-row][data-number="${CSS.escape(number)}"]`, list);
    const look = async () => {
      const began = performance.now();
      const numbers = touched.size ? [...touched].slice(0, 60) : [last];
      numbers.forEach((number) => touched.delete(number));
      const asked = new URLSearchParams({ q: list.dataset.rows });
      numbers.forEach((number) => asked.append("n", number));
      const response = await fetch(`/queue/rows?${asked}`, { headers: { accept: "text/html" } }).catch(() => null);
      if (!response?.ok) {
        // What could not be looked at is looked at again, but not where the answer was that it may not be.
        if (response && response.status < 500) { waits = null; return; }
        numbers.forEach((number) => touched.add(number));
        waits = setTimeout(look, PAUSE);
        return;
      }
      const open = response.headers.get("x-open-cases");
      const count = one("#open-cases");
      if (open && count) count.textContent = open;
      const piece = document.createElement("template");
      piece.innerHTML = `<table><tbody>${await response.text().catch(() => "")}</tbody></table>`;
      for (const row of all("[data-row]", piece.content)) {
        const number = row.dataset.number;
        const old = shown(number);
        if (!old) {
          if (row.dataset.fits === "true") fresh.add(number); else fresh.delete(number);
          continue;
        }
        // It stays where it is, with what was ticked and where the keys are.
        const box = one("input[data-select]", old);
        const ticked = box?.checked, was = old.classList.contains("at"), focused = old.contains(document.activeElement);
        old.replaceWith(row);
        const again = one("input[data-select]", row);
        if (again && ticked) { again.checked = true; row.setAttribute("aria-selected", "true"); }
        if (was) row.classList.add("at");
        if (focused) one("a.through", row)?.focus({ preventScroll: true });
      }
      say(fresh.size ? `${fresh.size} new` : "");
      waits = null;
      // How many are open was counted up to half a second ago: what came since is not in it.
      if (touched.size || began - came < COUNTED) later();
    };
    // One look after the other, so that no older answer comes after a newer one.
    const later = () => { waits ??= setTimeout(look, 700); };
    document.addEventListener("ringwall:changed", (event) => {
      const { what, number, version } = event.detail;
      if (what !== "case") return;
      // Of those that are not shown only new ones are looked at: what else happens to them changes nothing here.
      if (shown(number) || version <= 1 || fresh.has(number)) { touched.add(number); last = number; came = performance.now(); later(); }
    });
  }
  const alerts = one("[data-alerts]");
  if (alerts) {
    const fresh = new Set();
    const { customer, rule, about } = alerts.dataset;
    document.addEventListener("ringwall:changed", (event) => {
      const it = event.detail;
      if (it.what !== "alert" || (customer && it.customer !== customer) || (rule && it.rule !== rule)) return;
      fresh.add(it.id);
      // Whether it has the key that is looked for, its page says.
      say(about ? "Look for new ones" : `${fresh.size} new`);
    });
  }
  const open = one("[data-case]");
  if (open) {
    document.addEventListener("ringwall:changed", (event) => {
      const moved = one("#moved");
      if (moved && event.detail.what === "case" && event.detail.number === open.dataset.case) moved.hidden = false;
    });
  }

  // ---- Who comes back to rows is at the one that they come from.
  const pathOf = (row) => row && one("a.through", row)?.pathname;
  const cameFrom = JSON.parse(sessionStorage.getItem("back") ?? "null");
  sessionStorage.removeItem("back");
  const isThere = cameFrom?.path && rows().find((row) => pathOf(row) === cameFrom.path);
  if (cameFrom?.page === location.pathname) {
    before = isThere ? rows().indexOf(isThere) : Math.ceil(cameFrom.place) - 0.5;
    rows()[Math.floor(before)]?.scrollIntoView({ block: "nearest" });
  } else if (cameFrom && !cameFrom.page) goTo(isThere);
  all("[data-back]").forEach((back) => back.addEventListener("click", () => keep("back", JSON.stringify({ path: location.pathname }))));
  // What is done to a row loads its page anew.
  document.addEventListener("submit", (event) => {
    const place = here() ? rows().indexOf(here()) : before;
    if (place !== null && event.target.method === "post") keep("back", JSON.stringify({ page: location.pathname, path: pathOf(here()), place }));
  });

  // ---- From case to case in the order of the queue as it was seen: cases that are taken move in it.
  if (one("[data-rows]") && rows().length) {
    keep("walk", JSON.stringify(rows().map((row) => [row.dataset.number, one("a.through", row)?.getAttribute("href")])));
  }
  const shown = one("[data-case]")?.dataset.case;
  const walk = shown ? JSON.parse(sessionStorage.getItem("walk") ?? "[]") : [];
  const place = walk.findIndex(([number]) => number === shown);
  if (place >= 0) {
    for (const [key, by] of [["[", -1], ["]", 1]]) {
      const link = one(`a[data-key="${key}"]`), to = walk[place + by]?.[1];
      if (link && to) link.setAttribute("href", to);
    }
  }
})();
