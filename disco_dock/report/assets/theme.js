(() => {
  "use strict";
  const button = document.getElementById("theme"), root = document.documentElement;
  const show = (dark) => {
    root.dataset.theme = dark ? "dark" : "light";
    button.setAttribute("aria-pressed", String(dark));
    button.textContent = dark ? "Light" : "Dark";
  };
  show(matchMedia("(prefers-color-scheme: dark)").matches);
  button.addEventListener("click", () => show(root.dataset.theme !== "dark"));
})();
