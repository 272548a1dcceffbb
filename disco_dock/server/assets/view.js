// The protein in three dimensions: a click on a residue or a group tells its place.
import { make } from "./dom.js";
import { isDark } from "./theme.js";

const SCRIPTS = ["/page/3Dmol-min.js", "/page/orient.js"];
const PICKED = "#f59e0b", CARBON = "#0d9488";
let library = null, shownOn = null, viewer = null, model = null, shown = null, places = [], picked = { places: [], center: null, radius: 10 };

function load() {
  library ??= Promise.all(SCRIPTS.map((src) => new Promise((done, failed) => {
    document.head.append(make("script", { src, onload: done, onerror: () => failed(new Error("no viewer")) }));
  })));
  return library;
}

const background = () => (isDark() ? "#10171e" : "#fbfcfd");

// The place of an atom, from the number of the first atom of each residue and group.
function placeOf(serial) {
  let low = 0, high = places.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (places[middle].start <= serial) low = middle; else high = middle - 1;
  }
  return places[low];
}

export async function show(protein, element, onpick) {
  await load();
  shown = protein;
  shownOn = element;
  places = [
    ...protein.residues.map((id, index) => ({ id, start: protein.starts[index], kind: "residue" })),
    ...protein.groups.map((one) => ({ id: one.id, start: one.start, kind: "group" })),
  ].sort((one, other) => one.start - other.start);
  viewer ??= $3Dmol.createViewer(element, { backgroundColor: background(), antialias: true });
  viewer.removeAllModels();
  viewer.removeAllShapes();
  viewer.removeAllLabels();
  model = viewer.addModel(protein.pdb, "pdb");
  model.setClickable({}, true, (atom) => onpick(placeOf(atom.serial)));
  model.setHoverable({}, true, (atom) => hover(atom), () => { viewer.removeAllLabels(); named(); viewer.render(); });
  viewer.resize();
  viewer.zoomTo();
  draw();
  element.dataset.ready = "true";
}

function label(text, atom, border) {
  viewer.addLabel(text, { position: atom, fontSize: 12, fontColor: isDark() ? "#e6edf3" : "#17212b", backgroundColor: isDark() ? "#18212a" : "#ffffff", backgroundOpacity: 0.85, borderThickness: 1, borderColor: border, inFront: true });
}

function hover(atom) {
  viewer.removeAllLabels();
  named();
  label(placeOf(atom.serial).id, atom, "#9aa8b5");
  viewer.render();
}

function atomsOf(ids) {
  const wanted = new Set(ids);
  return model.selectedAtoms({}).filter((atom) => wanted.has(placeOf(atom.serial).id));
}

function named() {
  const seen = new Set();
  for (const atom of atomsOf(picked.places)) {
    const { id } = placeOf(atom.serial);
    if (!seen.has(id)) { seen.add(id); label(id, atom, PICKED); }
  }
}

function draw() {
  viewer.setBackgroundColor(background());
  model.setStyle({}, { cartoon: { style: "oval", thickness: 0.25, arrows: true, color: isDark() ? "#5d7285" : "#b4c0cc" } });
  const carbons = { stick: { radius: 0.22, colorscheme: { prop: "elem", map: { ...$3Dmol.elementColors.defaultColors, C: CARBON } } }, sphere: { scale: 0.25 } };
  model.setStyle({ hetflag: true }, carbons);
  const serials = atomsOf(picked.places).map((atom) => atom.serial);
  if (serials.length) model.setStyle({ serial: serials }, { stick: { radius: 0.25, colorscheme: { prop: "elem", map: { ...$3Dmol.elementColors.defaultColors, C: PICKED } } }, sphere: { scale: 0.28, colorscheme: { prop: "elem", map: { ...$3Dmol.elementColors.defaultColors, C: PICKED } } } });
  viewer.removeAllShapes();
  viewer.removeAllLabels();
  const center = middle();
  if (center) viewer.addSphere({ center, radius: picked.radius, color: PICKED, opacity: 0.28 });
  named();
  viewer.render();
}

// The pocket's centre: a point, or the mean of the chosen atoms.
function middle() {
  if (picked.center) return picked.center;
  const atoms = atomsOf(picked.places);
  if (!atoms.length) return null;
  return Object.fromEntries(["x", "y", "z"].map((axis) => [axis, atoms.reduce((sum, atom) => sum + atom[axis], 0) / atoms.length]));
}

// Show a pocket: places, or a centre {x, y, z}, and its radius in Angstrom.
export function mark(next) {
  const before = JSON.stringify([picked.places, picked.center]);
  picked = next;
  if (!viewer || !shown) return;
  draw();
  if (middle() && before !== JSON.stringify([picked.places, picked.center])) near();
}

// Turn to the pocket, from where the protein hides it least.
function near() {
  const atoms = picked.center ? [picked.center] : atomsOf(picked.places);
  window.orient(viewer, shownOn, atoms, model.selectedAtoms({}), { least: 2 * picked.radius + 8 });
}

export function whole() { if (viewer) { viewer.zoomTo(); viewer.render(); } }

document.addEventListener("theme", () => { if (viewer && shown) draw(); });
window.addEventListener("resize", () => viewer?.resize());

// What tests look at: where an atom of a place is on the canvas.
window.structure = {
  get ready() { return Boolean(viewer && shown); },
  screen(id) {
    const atoms = atomsOf([id]), atom = atoms.find((one) => one.atom === "CA") || atoms[0];
    const { x, y } = viewer.modelToScreen({ x: atom.x, y: atom.y, z: atom.z });
    return { x, y };
  },
};
