"use strict";
/*
 * Keeps the page of an order true. The API is asked how it stands: bytes move the bars, and when anything else changed,
 * the part of the page with its words is taken anew from the server.
 */
(() => {
  const FAST = 1000, SLOW = 10000, HIDDEN = 15000, LONGEST = 60000, PATIENCE = 10000; // milliseconds
  const language = document.documentElement.lang;
  let part = document.getElementById("tracking");
  let shown = null;
  let failures = 0;
  let timer = 0;
  let looking = false;

  const inWords = (bytes) => sizeInWords(bytes, language);

  /** Everything but the bytes: when this changes, the words change. */
  function words(order) {
    const resources = order.resources.map((row) => [row.status, row.approval, row.error, row.note, row.retry_at, Date.parse(row.retry_at) <= Date.now(), row.attempts,
      row.status === "fetching" && row.bytes_done > 0 && row.bytes_done === row.bytes_total]);
    const links = order.links.map((link) => [link.url, link.status, link.expires_at]);
    return JSON.stringify([order.status, order.queue_position, order.can_extend, order.can_order_again, resources, links]);
  }

  function move(id, done, total, percent) {
    const place = part.querySelector(`[data-progress="${id}"]`);
    if (!place) return;
    const bar = place.querySelector("progress");
    // Without a size there is no bar: one without a value moves though nothing does.
    bar.hidden = percent === null;
    bar.value = percent ?? 0;
    place.querySelector(".amount").textContent = total
      ? place.dataset.of.replace("{done}", inWords(done)).replace("{total}", inWords(total)) : inWords(done);
  }

  function moveAll(order) {
    const { bytes_done, bytes_total, percent } = order.progress;
    move("all", bytes_done, bytes_total, bytes_total || percent ? percent : null);
    order.resources.forEach((row, number) => {
      const share = row.bytes_total ? Math.min(100, Math.floor(row.bytes_done * 100 / row.bytes_total)) : null;
      move(number, row.bytes_done, row.bytes_total, share);
    });
  }

  async function ask(address, type) {
    const answer = await fetch(address, { cache: "no-store", headers: { Accept: type }, signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  }

  async function takeAnew() {
    const answer = await ask(part.dataset.page, "text/html");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("tracking");
    const open = [...part.querySelectorAll("details")].filter((one) => one.open).map((one) => one.id);
    fresh.querySelectorAll("details").forEach((one) => { one.open = open.includes(one.id); });
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    // A live region is read out when its text changes, not when it is replaced.
    const state = part.querySelector("#state");
    fresh.querySelector("#state").replaceWith(state);
    const heading = page.title.split(" · ")[0];
    part.replaceWith(fresh);
    part = fresh;
    if (focused) {
      const twins = [...fresh.querySelectorAll(focused.tagName)];
      twins.find((one) => one.textContent === focused.textContent)?.focus();
    }
    if (state.textContent !== heading) state.textContent = heading;
    document.title = page.title;
  }

  async function look() {
    if (looking) return;
    looking = true;
    try {
      const answer = await ask(part.dataset.api, "application/json");
      const order = await answer.json();
      const now = words(order);
      // The page may be older than the first answer: it is taken anew once.
      if (now !== shown) { await takeAnew(); shown = now; }
      moveAll(order);
      failures = 0;
    } catch {
      failures += 1;
    }
    looking = false;
    part.querySelector("#lost").hidden = failures < 3;
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (part.dataset.final === "yes") return;
    let wait = part.dataset.moving === "yes" ? FAST : SLOW;
    if (document.hidden) wait = HIDDEN;
    timer = setTimeout(look, Math.min(LONGEST, wait * 2 ** Math.min(failures, 6)));
  }

  document.addEventListener("visibilitychange", () => {
    if (part.dataset.final === "yes") return;
    if (document.hidden) plan(); else look();
  });
  look();
})();
