// An example that fills the form, to be docked at once.
import { $ } from "./dom.js";
import { putFile } from "./files.js";
import { readLigand } from "./ligand.js";
import { say, unsayAll } from "./problems.js";
import { readProtein } from "./protein.js";

const button = $("#example");

button.addEventListener("click", async () => {
  unsayAll();
  const address = button.dataset.protein;
  try {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(answer.statusText);
    putFile("protein", new File([await answer.blob()], address.split("/").pop()));
  } catch {
    say("The example cannot be loaded; is the server still running?");
    return;
  }
  putFile("ligand", null);
  $('[name="smiles"]').value = button.dataset.smiles;
  await Promise.all([readProtein(), readLigand()]);
  $("#dock").focus();
});
