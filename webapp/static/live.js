// Keeps an open page true: hears what changed, fetches the page again, and swaps the regions marked data-live.
const page = document.body.dataset;
// However much happens, a page is not fetched more often than somebody could read it.
const PAUSE = 250;
let asked = false, busy = false, over = false;

export function refresh() {
  if (over || "still" in page) return;
  if (busy) { asked = true; return; }
  busy = true;
  fetch(page.self, { headers: { Accept: "text/html" }, cache: "no-store" })
    .then(async (answer) => {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.ok && !answer.redirected) swap(fresh);
      else close(fresh.querySelector("[role=alert]")?.textContent ?? page.saysEnded);
    })
    .catch(() => {})
    .finally(() => setTimeout(() => { busy = false; if (asked) { asked = false; refresh(); } }, PAUSE));
}

function swap(fresh) {
  for (const old of document.querySelectorAll("[data-live][id]")) {
    const now = fresh.getElementById(old.id);
    if (!now) { old.replaceChildren(); continue; }
    if (now.isEqualNode(old)) continue;
    keep(old, now);
    const wasAtEnd = old.scrollHeight - old.scrollTop - old.clientHeight < 40;
    const heir = heirOf(document.activeElement, old, now);
    old.replaceWith(now);
    if (heir) focus(heir);
    if ("bottom" in now.dataset) now.scrollTop = wasAtEnd ? now.scrollHeight : old.scrollTop;
  }
  document.dispatchEvent(new CustomEvent("swapped"));
  poll();
  watch();
}

// What somebody ticked or opened stays ticked and open.
function keep(old, now) {
  for (const box of old.querySelectorAll("input:checked")) {
    const same = now.querySelector(`input[name="${box.name}"][value="${CSS.escape(box.value)}"]`);
    if (same) same.checked = true;
  }
  for (const open of old.querySelectorAll("details[open][id]")) now.querySelector(`#${open.id}`)?.setAttribute("open", "");
}

// The same control in the region fetched again: what it is called, where it leads, and what it is part of.
// Where a control is gone, the keyboard goes on from the region that held it, and presses nothing else by mistake.
function heirOf(control, old, now) {
  if (control === old || !old.contains(control)) return control === old ? now : null;
  const say = (each) => JSON.stringify([
    ...["name", "value", "href", "formaction", "data-notification-id"].map((name) => each.getAttribute(name)),
    each.form?.getAttribute("action"), each.closest("[id]")?.id,
  ]);
  return [...now.querySelectorAll(control.tagName)].find((each) => say(each) === say(control)) ?? now;
}

function focus(control) {
  if (control.tabIndex < 0) control.tabIndex = -1;
  control.focus({ preventScroll: true });
}

function close(sentence) {
  over = true;
  const said = document.createElement("p"), out = document.createElement("p"), link = document.createElement("a");
  said.className = "big"; said.role = "alert"; said.textContent = sentence;
  link.href = "/"; link.className = "btn btn-plain"; link.textContent = page.saysStart;
  out.append(link);
  const box = document.createElement("div");
  box.className = "closed"; box.append(said, out);
  const main = document.getElementById("main"), hadFocus = main.contains(document.activeElement);
  main.replaceChildren(box);
  if (hadFocus) link.focus();
  document.querySelector("#bell .count")?.remove();
  document.title = page.saysClosed;
}

function listen() {
  const stream = new EventSource(`/notifications/stream?after=${page.after}`);
  const read = (event) => JSON.parse(event.data || "{}");
  const say = (what, detail) => document.dispatchEvent(new CustomEvent(what, { detail }));
  const about = (event) => { const { account, card } = read(event); return account === page.account && String(card) === page.card; };
  // What happened between the making of the page, or the loss of the stream, and now.
  stream.addEventListener("open", refresh);
  stream.addEventListener("notification", (event) => { say("told", read(event)); refresh(); });
  stream.addEventListener("card", (event) => { if (about(event)) refresh(); });
  stream.addEventListener("center", refresh);
  stream.addEventListener("direct", refresh);
  stream.addEventListener("users", (event) => { if (page.page === "users" && read(event).account === page.account) refresh(); });
  stream.addEventListener("closed", (event) => {
    const { account, card } = read(event);
    say("withdrawn", { account, card });
    if (account === page.account && (card === null || String(card) === page.card)) close(page.saysEndedHere);
    else refresh();
  });
  stream.addEventListener("end", () => { stream.close(); say("withdrawn", {}); close(page.saysEnded); });
}

let waiting = 0;
function poll() {
  clearTimeout(waiting);
  const region = document.querySelector("[data-poll]");
  if (region) waiting = setTimeout(refresh, Number(region.dataset.poll));
}

// Whoever scrolls to the end of a list is shown more of it, and from then on as much.
const ends = new IntersectionObserver((seen) => {
  const end = seen.find((each) => each.isIntersecting);
  if (end) { page.self = end.target.getAttribute("href"); refresh(); }
});
function watch() {
  ends.disconnect();
  for (const end of document.querySelectorAll("[data-more]")) ends.observe(end);
}

document.addEventListener("asked", refresh);
document.addEventListener("click", (event) => {
  // Every link of a thread leads to where all of it is read.
  const form = event.target.closest("a")?.closest(".thread")?.querySelector("form.read-thread");
  if (form) navigator.sendBeacon(form.action, new FormData(form));
});
for (const end of document.querySelectorAll("[data-bottom]")) end.scrollTop = end.scrollHeight;
listen();
poll();
watch();
