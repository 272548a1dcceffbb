// The ligand, drawn by the server as soon as it is chosen or typed.
import { post, PREVIEW } from "./api.js";
import { $, calm, count, make } from "./dom.js";
import { fileOf, putFile } from "./files.js";
import { complain, unsay } from "./problems.js";

const told = $("#ligand-told"), smiles = $('[name="smiles"]');
const template = $('[name="template_smiles"]'), largest = $('[name="largest_fragment"]');
let asked = null;

const picture = (svg, name, kind) => make("img", { class: kind, alt: `Structure of ${name}`, src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}` });

function drawing(one) {
  const facts = [count(one.heavy_atoms, "heavy atom"), count(one.rotatable_bonds, "rotatable bond"), `${one.weight} Da`];
  return make("figure", { title: one.smiles }, picture(one.light, one.name, "for-light"), picture(one.dark, one.name, "for-dark"),
    make("figcaption", {}, one.name === "ligand" ? null : make("b", {}, `${one.name} `), facts.join(", ")));
}

function tell(found) {
  told.replaceChildren();
  told.hidden = !found;
  if (!found) return;
  const many = found.molecules.length > 1, more = found.count - found.molecules.length;
  told.append(make("div", { class: many ? "drawings many" : "drawings" }, ...found.molecules.map(drawing)));
  if (many) told.append(make("p", {}, `${count(found.count, "ligand")}, docked one after the other${more > 0 ? `; ${more} more are not drawn` : ""}`));
  const warnings = new Set(found.molecules.flatMap((one) => one.warnings.map((text) => (many ? `${one.name}: ${text}` : text))));
  for (const text of [...found.failures, ...warnings]) told.append(make("p", { class: "caution" }, text));
}

export async function readLigand() {
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked, file = fileOf("ligand"), text = smiles.value.trim();
  unsay("ligand", "smiles");
  if (!file && !text) { tell(null); return; }
  try {
    const found = await post(`${PREVIEW}/ligand`, {
      ligand: file, smiles: file ? "" : text, template_smiles: template.value.trim(), largest_fragment: largest.checked ? "true" : "",
    }, signal);
    if (!signal.aborted) tell(found);
  } catch (error) {
    if (signal.aborted) return;
    tell(null);
    complain(error, file ? "ligand" : "smiles");
  }
}

const soon = calm(350, readLigand);
smiles.addEventListener("input", () => { if (smiles.value && fileOf("ligand")) putFile("ligand", null); unsay("smiles", "ligand"); soon(); });
$('input[name="ligand"]').addEventListener("change", () => { if (fileOf("ligand")) smiles.value = ""; readLigand(); });
template.addEventListener("input", soon);
largest.addEventListener("change", readLigand);
