// Errors stand beside the field that they are about; those of no field stand above the button.
import { $, all, sentence } from "./dom.js";

const form = $("#form");
const place = (field) => $(`[data-problem="${field}"]`) || $("#problem");
const controls = (field) => (field ? all(`[name="${field}"]`, form) : []);

export function say(text, field = "") {
  const slot = place(field);
  slot.textContent = sentence(text);
  slot.hidden = !text;
  for (const control of controls(field)) {
    if (text) control.setAttribute("aria-invalid", "true"); else control.removeAttribute("aria-invalid");
    control.closest(".drop")?.classList.toggle("wrong", Boolean(text));
  }
  if (text) slot.closest("details")?.setAttribute("open", "");
}

export const unsay = (...fields) => fields.forEach((field) => say("", field));

export function unsayAll() {
  for (const slot of all("[data-problem]")) say("", slot.dataset.problem);
}

// Where an error of a request belongs: its own field when that is on the page, else the given one.
export function complain(error, otherwise = "") {
  const field = error.field && $(`[data-problem="${error.field}"]`) ? error.field : otherwise;
  say(field ? error.message.replace(/^[a-z_]+(\.\w+)?: /, "") : error.message, field);
  return field;
}

export function focusOn(field) {
  const control = controls(field).find((one) => !one.closest("[hidden]")) || place(field);
  control.focus?.();
  place(field).scrollIntoView({ block: "center", behavior: "smooth" });
}
