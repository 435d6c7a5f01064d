// Copies a button's text. Without scripts, the buttons stay hidden and a click selects the text.
for (const button of document.querySelectorAll("[data-copies]")) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", (event) => {
    event.preventDefault();
    const here = "located" in button.dataset ? location.href.split("#")[0] + "\n" : "";
    const text = document.getElementById(button.dataset.copies).textContent + here;
    // Also works where the Clipboard API does not: in a page over HTTP, and in a sandbox.
    const fill = (copying) => { copying.preventDefault(); copying.clipboardData.setData("text/plain", text); };
    document.addEventListener("copy", fill, { once: true });
    button.textContent = document.execCommand("copy") ? "Copied" : "Not copied";
    document.removeEventListener("copy", fill);
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}
