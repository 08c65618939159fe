// Says who gains access before the message is sent, and helps to find people in a long list.
const form = document.getElementById("chat-form");
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

if (form) {
  const fieldset = form.querySelector(".to");
  if (fieldset && form.querySelectorAll(".chip").length > MANY) {
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
