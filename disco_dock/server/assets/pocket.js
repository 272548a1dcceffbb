// Where to dock: by a list, by text, or by a click into the view; all three say the same.
import { $, all, make } from "./dom.js";
import { say, unsay } from "./problems.js";
import { protein } from "./protein.js";
import { mark, show, whole } from "./view.js";

const form = $("#form"), group = form.elements.pocket_group, residues = form.elements.pocket_residues, picker = $("#residue-picker");
const center = form.elements.pocket_center, radius = form.elements.pocket_radius;
const where = () => form.elements.where.value;
const DEFAULT_RADIUS = 10; // Angstrom, as on the command line

function choose(value) {
  for (const button of all('[name="where"]')) button.checked = button.value === value;
  for (const field of all("[data-where]")) field.hidden = !field.dataset.where.split(" ").includes(value);
  for (const name of ["pocket_group", "pocket_residues", "pocket_center", "pocket_ligand", "pocket_radius"]) unsay(name);
  if (value === "residues") check();
}

const option = (value, text) => make("option", { value }, text);

function fill() {
  const groups = protein ? protein.groups : [];
  const none = protein ? "the file has no ligand or group" : "add a protein first";
  group.replaceChildren(...(groups.length ? groups.map((one) => option(one.id, `${one.id}: ${one.kind === "other" ? "group" : one.kind}, ${one.heavy_atoms} ${one.heavy_atoms === 1 ? "atom" : "atoms"}`)) : [option("", none)]));
  picker.replaceChildren(option("", protein ? "choose\u2026" : "add a protein first"));
  for (const chain of protein ? protein.chains : []) {
    const own = protein.residues.filter((id) => id.startsWith(`${chain.name}:`));
    picker.append(make("optgroup", { label: `Chain ${chain.name}` }, ...own.map((id) => option(id, id))));
  }
}

const typed = () => residues.value.split(/[\s,]+/).filter(Boolean);
const place = /^([^:]*):(?:([A-Za-z0-9]{1,4}?):?)??(-?\d+)([A-Za-z]?)$/;

// The residue of the file that a text such as A:57 or A:ASP57 means, or null.
function meant(text) {
  const exact = protein.residues.find((id) => id.toUpperCase() === text.toUpperCase());
  if (exact) return exact;
  const wanted = place.exec(text);
  if (!wanted) return null;
  const chain = wanted[1] || "_", end = `${wanted[3]}${wanted[4]}`.toUpperCase(), name = (wanted[2] || "").toUpperCase();
  return protein.residues.find((id) => {
    const own = place.exec(id);
    return own && own[1] === chain && `${own[3]}${own[4]}`.toUpperCase() === end && (!name || own[2].toUpperCase() === name);
  }) || null;
}

function check() {
  if (!protein || where() !== "residues") { unsay("pocket_residues"); return; }
  const unknown = typed().filter((text) => !meant(text));
  const chains = protein.chains.map((chain) => `${chain.name}:${chain.first} to ${chain.name}:${chain.last}`).slice(0, 4).join(", ");
  say(unknown.length ? `${unknown[0]} is no residue of this protein; it has ${chains}.` : "", "pocket_residues");
}

function tell() {
  const places = [], way = where();
  let point = null;
  if (protein && way === "group" && group.value) places.push(group.value);
  if (protein && way === "residues") places.push(...typed().map(meant).filter(Boolean));
  if (way === "center") {
    const numbers = center.value.split(/[\s,]+/).filter(Boolean).map(Number);
    if (numbers.length === 3 && numbers.every(Number.isFinite)) point = { x: numbers[0], y: numbers[1], z: numbers[2] };
  }
  mark({ places, center: point, radius: Number(radius.value) || DEFAULT_RADIUS });
}

function toggle(id) {
  const now = typed(), at = now.findIndex((text) => meant(text) === id);
  if (at >= 0) now.splice(at, 1); else now.push(id);
  residues.value = now.join(", ");
  check();
}

function pick({ id, kind }) {
  if (kind === "group") { choose("group"); group.value = id; } else { if (where() !== "residues") choose("residues"); toggle(id); }
  tell();
}

form.addEventListener("change", (event) => {
  if (event.target.name === "where") choose(event.target.value);
  if (event.target === picker && picker.value) { toggle(picker.value); picker.value = ""; }
  tell();
});
residues.addEventListener("input", () => { check(); tell(); });
for (const input of [center, radius]) input.addEventListener("input", () => { unsay(input.name); tell(); });
$("#view-all").addEventListener("click", whole);

document.addEventListener("protein", async () => {
  fill();
  check();
  const drawn = Boolean(protein && protein.pdb);
  $("#structure").hidden = !drawn;
  if (!drawn) return;
  try {
    await show(protein, $("#view"), pick);
    tell();
  } catch {
    $("#structure").hidden = true; // without WebGL the lists do the same
  }
});
