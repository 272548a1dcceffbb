// What the server reads in the protein's file: chains, groups and residues.
import { post, PREVIEW } from "./api.js";
import { $, count, make } from "./dom.js";
import { fileOf } from "./files.js";
import { complain, unsay } from "./problems.js";

const told = $("#protein-told");
let asked = null;
export let protein = null; // of the chosen file, null while none is read

function tell(found) {
  told.replaceChildren();
  told.hidden = !found;
  if (!found) return;
  const chains = found.chains.map((chain) => chain.name).join(", ");
  const ligands = found.groups.filter((one) => one.kind === "ligand"), others = found.groups.filter((one) => one.kind !== "ligand");
  const named = (groups) => groups.slice(0, 4).map((one) => one.id).join(", ") + (groups.length > 4 ? ` and ${groups.length - 4} more` : "");
  told.append(make("p", {}, `${count(found.residues.length, "residue")}, ${found.chains.length === 1 ? "chain" : "chains"} ${chains}`));
  if (ligands.length) told.append(make("p", {}, `Bound: ${named(ligands)}`));
  if (others.length) told.append(make("p", {}, `Also: ${named(others)}`));
  for (const text of found.warnings) told.append(make("p", { class: "caution" }, text));
}

export async function readProtein() {
  asked?.abort();
  asked = new AbortController();
  const file = fileOf("protein"), { signal } = asked;
  unsay("protein");
  protein = null;
  tell(null);
  document.dispatchEvent(new Event("protein"));
  if (!file) return;
  told.hidden = false;
  told.append(make("p", {}, "Reading\u2026"));
  try {
    const found = await post(`${PREVIEW}/protein`, { protein: file }, signal);
    if (signal.aborted) return;
    protein = found;
    tell(found);
    document.dispatchEvent(new Event("protein"));
  } catch (error) {
    if (signal.aborted) return;
    tell(null);
    complain(error, "protein");
  }
}

$('input[name="protein"]').addEventListener("change", readProtein);
