"use strict";
// Buttons that copy a command. Without script they stay hidden, and the command is there to be selected.

(() => {
  const SHOWN_FOR = 2_000; // milliseconds
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;

  // Where a browser keeps the clipboard from the page, what would be copied is at least selected.
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
