// Zones that take a file by drop or choice, and show its name.
import { $, all, size } from "./dom.js";
import { say } from "./problems.js";

const input = (name) => $(`input[type="file"][name="${name}"]`);

export function showFile(name) {
  const zone = input(name).closest(".drop"), text = $(".file", zone), file = input(name).files[0];
  zone.classList.toggle("full", Boolean(file));
  text.textContent = file ? `${file.name} (${size(file.size)})` : text.dataset.empty;
}

export function putFile(name, file) {
  const files = new DataTransfer();
  if (file) files.items.add(file);
  input(name).files = files.files;
  showFile(name);
}

export const fileOf = (name) => input(name).files[0] || null;

for (const zone of all(".drop")) {
  const name = zone.dataset.drop;
  input(name).addEventListener("change", () => showFile(name));
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length !== 1) {
      say("Drop one file at a time; several ligands may be in one SDF.", name);
      return;
    }
    input(name).files = event.dataTransfer.files;
    input(name).dispatchEvent(new Event("change", { bubbles: true }));
  });
}
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
