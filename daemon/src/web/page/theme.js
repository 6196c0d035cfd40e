// Loaded before the page is painted, so that it never flashes in the wrong colours.
"use strict";
(() => {
  const key = "thermine-theme";
  const read = () => { try { return localStorage.getItem(key); } catch { return null; } };
  const chosen = read();
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const told = () => document.dispatchEvent(new Event("theme"));
  dark.addEventListener("change", told);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const show = () => {
      button.querySelector("span").textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", isDark() ? "Light theme" : "Dark theme");
    };
    button.addEventListener("click", () => {
      const next = isDark() ? "light" : "dark";
      document.documentElement.dataset.theme = next;
      try { localStorage.setItem(key, next); } catch { /* then it lasts as long as the page */ }
      told();
    });
    document.addEventListener("theme", show);
    show();
  });
})();
