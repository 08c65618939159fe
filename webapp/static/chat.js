// Says who gains access before the message is sent, and helps to find people in a long list.
const form = document.getElementById("chat-form"), page = document.body.dataset;
const MANY = 12;

function tell() {
  const names = [...form.querySelectorAll("[data-gains] input:checked")].map((box) => box.parentElement.querySelector(".name").textContent);
  const all = new Intl.ListFormat(document.documentElement.lang, { type: "conjunction" }).format(names);
  const { saysGains, saysGain } = form.dataset;
  document.getElementById("gain-line").textContent = names.length
    ? (names.length === 1 ? saysGains : saysGain).replace("{}", () => all) : "";
}

function find(typed) {
  for (const chip of form.querySelectorAll(".chip")) {
    chip.hidden = !chip.textContent.toLowerCase().includes(typed.toLowerCase()) && !chip.querySelector("input").checked;
  }
}

// Where not everybody is on the page, the server finds them; whoever is ticked stays.
function ask(typed) {
  const at = new URL(page.self, location), ticked = [...form.querySelectorAll("[name=to]:checked")];
  at.searchParams.delete("to");
  for (const box of ticked) at.searchParams.append("to", box.value);
  if (typed) at.searchParams.set("find", typed); else at.searchParams.delete("find");
  page.self = at.pathname + at.search;
}

if (form) {
  const fieldset = form.querySelector(".to"), asker = form.querySelector("[name=find]");
  if (asker) {
    asker.addEventListener("input", () => { ask(asker.value); document.dispatchEvent(new CustomEvent("asked")); });
    form.addEventListener("change", () => ask(asker.value));
  } else if (fieldset && form.querySelectorAll(".chip").length > MANY) {
    const filter = document.createElement("input");
    filter.type = "search"; filter.className = "form-control chip-filter"; filter.placeholder = filter.ariaLabel = form.dataset.saysFind;
    filter.addEventListener("input", () => find(filter.value));
    fieldset.insertAdjacentElement("beforebegin", filter);
  }
  form.addEventListener("change", tell);
  document.addEventListener("swapped", tell);
  form.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); });
  tell();
}
