// Small helpers around the document.

export const $ = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const count = (number, word, plural = `${word}s`) => `${number} ${number === 1 ? word : plural}`;
export const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) : "");
export const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

// Calls a function when nothing has asked for it for a while.
export function calm(milliseconds, call) {
  let timer = 0;
  return (...values) => { clearTimeout(timer); timer = setTimeout(() => call(...values), milliseconds); };
}
