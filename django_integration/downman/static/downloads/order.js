"use strict";
// The cart is in the address: after something was added or removed, a reload shows the same cart.
const order = document.getElementById("order");
if (order && location.pathname + location.search !== order.dataset.address) {
  history.replaceState(null, "", order.dataset.address);
}
// What is wrong comes into view.
document.querySelector(".wrong input, .wrong select, .wrong textarea")?.focus();
