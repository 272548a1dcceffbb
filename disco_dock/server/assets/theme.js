// Light and dark; what is chosen is remembered.
import { $ } from "./dom.js";

const KEPT = "disco-dock-theme";
const button = $("#theme"), root = document.documentElement, prefersDark = matchMedia("(prefers-color-scheme: dark)");

export const isDark = () => root.dataset.theme === "dark" || (root.dataset.theme !== "light" && prefersDark.matches);

function tell() {
  button.textContent = isDark() ? "Light" : "Dark";
  button.setAttribute("aria-pressed", String(isDark()));
  document.dispatchEvent(new Event("theme"));
}

const kept = localStorage.getItem(KEPT);
if (kept) root.dataset.theme = kept;
button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem(KEPT, root.dataset.theme);
  tell();
});
prefersDark.addEventListener("change", tell);
tell();
