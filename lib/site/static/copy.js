"use strict";
// Buttons that copy a command. Without scripts they stay hidden, and the command can be selected.

(() => {
  const SHOWN_FOR = 2_000; // milliseconds
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;

  // If the browser denies access to the clipboard, select the text instead.
  const select = (button) => {
    const code = button.closest("details, div").querySelector("code");
    if (code) getSelection().selectAllChildren(code);
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-copy]");
    if (!button) return;
    const label = button.firstChild;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      label.data = "Copied";
    } catch {
      select(button);
      label.data = "Selected";
    }
    setTimeout(() => (label.data = "Copy"), SHOWN_FOR);
  });
})();
