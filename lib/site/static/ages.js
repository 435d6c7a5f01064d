"use strict";
// Shows the age of times on the page, and whether the page itself is out of date.

(() => {
  const MINUTE = 60_000;
  const GRACE = 10 * MINUTE; // between a firing and the page that shows it
  const GREY = "%234c5864";

  const age = (moment) => {
    if (Number.isNaN(moment)) return ""; // folders are not validated: one may have month 13 in its name
    const minutes = Math.max(0, Math.round((Date.now() - moment) / MINUTE));
    if (minutes < 1) return " · just now";
    if (minutes < 60) return ` · ${minutes} min ago`;
    if (minutes < 48 * 60) return ` · ${Math.round(minutes / 60)} h ago`;
    return ` · ${Math.round(minutes / 1440)} days ago`;
  };

  const showAges = () => {
    for (const time of document.querySelectorAll("time[data-age]")) {
      time.dataset.at ??= time.textContent;
      time.textContent = time.dataset.at + age(Date.parse(time.dateTime));
    }
  };

  const showStaleness = () => {
    const stale = document.getElementById("stale");
    if (!stale || Date.now() < Date.parse(document.body.dataset.expectedAt) + GRACE) return;
    if (!stale.hidden) return;
    stale.hidden = false;
    document.body.classList.add("is-stale");
    const isGreen = document.title.startsWith("PASS");
    document.title = `Out of date · ${document.title.replace("PASS · ", "")}`;
    const icon = document.querySelector("link[rel=icon]");
    if (isGreen) icon.href = icon.href.replace(/%23[0-9a-f]{6}/, GREY);
  };

  const tick = () => {
    showAges();
    showStaleness();
  };
  tick();
  setInterval(tick, MINUTE);
})();
