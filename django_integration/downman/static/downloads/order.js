"use strict";
// The cart is in the address: after something was added or removed, a reload shows the same cart.
const order = document.getElementById("order");
if (order && location.pathname + location.search !== order.dataset.address) {
  history.replaceState(null, "", order.dataset.address);
}
// What is wrong comes into view.
document.querySelector(".wrong input, .wrong select, .wrong textarea")?.focus();
// What was probably meant is offered before it is sent; nobody has to take it.
const email = document.getElementById("id_email");
const offer = document.getElementById("email-offer");
if (email && offer) {
  const [words, take] = [offer.querySelector("span"), offer.querySelector("button")];
  let meant = "";
  const show = (suggestion, problem = "") => {
    meant = suggestion;
    words.textContent = meant ? offer.dataset.meant.replace("{email}", meant) : problem;
    take.hidden = !meant;
  };
  email.addEventListener("input", () => show(""));
  email.addEventListener("change", async () => {
    const written = email.value;
    if (!written) return;
    try {
      const answer = await fetch(offer.dataset.check, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: written }),
      });
      if (!answer.ok) return;
      const { suggestion, problem } = await answer.json();
      if (email.value === written) show(suggestion, problem);
    } catch { /* The order is checked when it is sent. */ }
  });
  take.addEventListener("click", () => { email.value = meant; show(""); email.focus(); });
}
