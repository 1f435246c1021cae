// The theme's arrows that open a part of the sidebar have no name for those who hear the page.
document.addEventListener("DOMContentLoaded", () => {
  for (const toggle of document.querySelectorAll("summary:has(.toctree-toggle)")) {
    toggle.setAttribute("aria-label", "Show or hide the pages below");
  }
});
