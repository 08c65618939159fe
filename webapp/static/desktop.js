// Tells on the desktop what comes while nobody looks at the page, where the browser may.
const offer = document.getElementById("desktop");
const shown = new Map();
const permission = () => ("Notification" in window ? Notification.permission : "denied");

function propose() {
  if (offer) offer.hidden = permission() !== "default";
}

function show({ id, account, card, title, from, url }) {
  if (!document.hidden || permission() !== "granted") return;
  try {
    // Several pages may be open: of what has the same tag the browser shows one.
    const told = new Notification(title, { body: from, tag: `guestlist-${id}`, icon: document.querySelector("link[rel=icon]").href });
    shown.set(told, { account, card });
    told.addEventListener("close", () => shown.delete(told));
    told.addEventListener("click", () => { told.close(); window.focus(); location.assign(url); });
  } catch {
    // On telephones the browser knows them, and lets no page make any.
  }
}

// What is closed to somebody does not stay on their desktop, either.
function withdraw({ account, card }) {
  for (const [told, about] of shown) {
    if (account === undefined || (about.account === account && (card === null || about.card === card))) told.close();
  }
}

offer?.querySelector("button").addEventListener("click", async () => {
  await Notification.requestPermission();
  propose();
  if (offer.hidden) offer.closest("section").focus();
});
document.addEventListener("told", (event) => show(event.detail));
document.addEventListener("withdrawn", (event) => withdraw(event.detail));
propose();
