// Says how many users are chosen; the style sheet alone reveals "Delete".
const form = document.getElementById("people-form"), chosen = document.getElementById("chosen");

function count() {
  const many = form.querySelectorAll("[name=ids]:checked").length;
  chosen.textContent = chosen.dataset.says.replace("{}", many);
}

form.addEventListener("change", count);
document.addEventListener("swapped", count);
count();
