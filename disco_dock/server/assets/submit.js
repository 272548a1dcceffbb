// The form as a job.
import { ask, JOBS } from "./api.js";
import { $ } from "./dom.js";
import { limits, look } from "./jobs.js";
import { complain, focusOn, say, unsay, unsayAll } from "./problems.js";

const form = $("#form"), button = $("#dock");

function asked() {
  const data = new FormData();
  for (const element of form.elements) {
    if (!element.name || element.name === "where" || element.closest("[hidden]")) continue;
    if (element.type === "file") {
      if (element.files.length) data.append(element.name, element.files[0]);
    } else if (element.type !== "checkbox" || element.checked) {
      if (element.value.trim()) data.append(element.name, element.value.trim());
    }
  }
  return data;
}

// What is missing, with its field; the server checks the rest.
function lacking(data) {
  const where = form.elements.where.value, needed = { group: "pocket_group", residues: "pocket_residues", center: "pocket_center", ligand: "pocket_ligand" }[where];
  if (!data.has("protein")) return ["Add a protein first.", "protein"];
  if (!data.has("ligand") && !data.has("smiles")) return ["Add a ligand: a file, or a SMILES.", "ligand"];
  if (needed && !data.has(needed)) return [{ group: "Choose a bound ligand, or another place.", residues: "Name a residue, such as A:57, or choose one in the view.", center: "Give x, y and z.", ligand: "Add a file of what sits in the pocket." }[where], needed];
  const total = [...data.values()].reduce((sum, value) => sum + (value.size || 0), 0);
  if (limits && total > limits.max_upload_mb * 1048576) return [`The files are larger than ${limits.max_upload_mb} MB; this server accepts no more.`, ""];
  return null;
}

form.addEventListener("input", (event) => { if (event.target.name && !["smiles", "pocket_residues"].includes(event.target.name)) unsay(event.target.name); });

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  unsayAll();
  const data = asked(), problem = lacking(data);
  if (problem) { say(...problem); focusOn(problem[1]); return; }
  button.disabled = true;
  try {
    const job = await ask(JOBS, { method: "POST", body: data });
    await look();
    $(`[data-job="${job.id}"]`)?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  } catch (error) {
    focusOn(complain(error));
  }
  button.disabled = false;
});
