(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const byId = (name) => document.getElementById(name);
  const modeColors = ["#0d9488", "#c026d3", "#7c3aed", "#2563eb", "#db2777", "#65a30d", "#0891b2", "#57534e", "#4f46e5", "#047857"];
  const lightColors = { "hydrogen bond": "#2563eb", "salt bridge": "#dc2626", "pi stacking": "#16a34a", "cation-pi": "#0891b2", "halogen bond": "#db2777", "metal": "#7c3aed", "hydrophobic contact": "#a8a29e" };
  const darkColors = { ...lightColors, "hydrogen bond": "#60a5fa", "salt bridge": "#f87171", "pi stacking": "#4ade80", "cation-pi": "#22d3ee", "halogen bond": "#f472b6", "metal": "#a78bfa" };
  const interactionColor = (kind) => (isDark() ? darkColors : lightColors)[kind];
  const latentColor = "#f59e0b";
  const shown = { cartoon: true, surface: false, pocket: true, labels: true, latents: false, interactions: true, all: false };
  const rows = [...document.querySelectorAll("tr[data-rank]")];
  const FOLLOW = 4; // Angstrom between a pose and what is looked at, from which on the view goes to it
  let current = 1, frame = null, timer = null;

  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const isDark = () => root.dataset.theme === "dark" || (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const colorOfMode = (mode) => modeColors[((mode || 1) - 1) % modeColors.length];
  rows.forEach((row) => { const dot = row.querySelector(".dot"); if (dot) dot.style.background = colorOfMode(data.poses[row.dataset.rank - 1].mode); });

  const viewer = $3Dmol.createViewer(byId("view"), { backgroundColor: color("--view"), antialias: true });
  const receptor = viewer.addModel(data.receptor, "pdb");
  const poses = data.poses.map((pose) => viewer.addModel(pose.sdf, "sdf"));
  const moving = data.frames ? viewer.addModel(data.poses[0].sdf, "sdf") : null;
  let surface = null, surfaceOf = 0, seenAt = null;
  window.report = { viewer, shown, get current() { return current; }, get frame() { return frame; }, surfaces: () => Object.keys(viewer.surfaces || {}).length };

  const heavyOnly = { not: { elem: "H", bonds: 1, predicate: (atom) => atom.elem === "H" && !atom.polar } };
  poses.forEach((model) => {
    const atoms = model.selectedAtoms({});
    atoms.forEach((atom) => { if (atom.elem === "H") atom.polar = atom.bonds.some((other) => ["N", "O", "S"].includes(atoms[other].elem)); });
  });

  function latentParts(name) {
    const ligand = /^lig:[A-Za-z]*(\d+)$/.exec(name);
    if (ligand) return { atom: Number(ligand[1]) - 1 };
    const residue = /^([^:]*):[^:]+?:?(-?\d+)([A-Za-z]?)$/.exec(name);
    return residue ? { chain: residue[1].replace("_", ""), resi: Number(residue[2]) } : {};
  }

  function residueSelection(part) {
    const selection = { model: receptor, resi: part.resi };
    if (part.chain) selection.chain = part.chain;
    return selection;
  }

  const residueOf = (atom) => `${atom.chain}|${atom.resi}|${atom.icode}`;
  const near = new Map();
  function atomsNear(rank, distance) {
    const key = `${rank}|${distance}`;
    if (!near.has(key)) {
      const own = poses[rank - 1].selectedAtoms({}).filter((atom) => atom.elem !== "H"), all = receptor.selectedAtoms({});
      const close = new Set(all.filter((atom) => own.some((other) => (atom.x - other.x) ** 2 + (atom.y - other.y) ** 2 + (atom.z - other.z) ** 2 < distance ** 2)).map(residueOf));
      near.set(key, all.filter((atom) => close.has(residueOf(atom))).map((atom) => atom.serial));
    }
    return { model: receptor, serial: near.get(key) };
  }

  function drawLatents(pose) {
    const model = poses[pose.rank - 1];
    [...new Set(pose.latents)].forEach((name) => {
      const part = latentParts(name);
      let place;
      if (part.resi !== undefined) {
        viewer.addStyle(residueSelection(part), { stick: { radius: 0.22, color: latentColor } });
        const atoms = receptor.selectedAtoms({ resi: part.resi, ...(part.chain ? { chain: part.chain } : {}) });
        place = atoms.find((atom) => atom.atom === "CA") || atoms[0];
      } else if (part.atom !== undefined) {
        place = model.selectedAtoms({})[part.atom];
      }
      if (!place) return;
      viewer.addSphere({ center: place, radius: 1.1, color: latentColor, alpha: 0.45 });
      viewer.addLabel(name, { position: place, fontSize: 12, fontColor: isDark() ? "#fff" : "#17212b", backgroundColor: isDark() ? "#3b2c08" : "#fef3c7", backgroundOpacity: 0.9, borderThickness: 1, borderColor: latentColor, inFront: true });
    });
  }

  // The residues that hold the pose, named at the atom that does, beside each other.
  function drawLabels(pose) {
    const seen = new Map();
    pose.interactions.forEach((one) => { if (pose.residues.includes(one.residue) && !seen.has(one.residue)) seen.set(one.residue, one); });
    const names = [];
    seen.forEach((one, name) => {
      const part = latentParts(name);
      if (part.resi === undefined) return;
      viewer.addStyle(residueSelection(part), { stick: { radius: 0.14, colorscheme: "grayCarbon" } });
      names.push({ text: name.split(":")[1], at: { x: one.end[0], y: one.end[1], z: one.end[2] }, kind: one.kind });
    });
    const taken = poses[pose.rank - 1].selectedAtoms({ not: { elem: "H" } }).map((atom) => ({ ...onCanvas(atom), width: 18, height: 18 }));
    names.forEach(({ text, at, kind }) => {
      const place = freePlace(onCanvas(at), { width: 7.6 * text.length + 14, height: 22 }, taken);
      taken.push(place);
      viewer.addLabel(text, { position: at, screenOffset: new $3Dmol.Vector2(place.dx, place.dy), alignment: "center", fontSize: 12, fontColor: isDark() ? "#e6edf3" : "#17212b", backgroundColor: isDark() ? "#18212a" : "#ffffff", backgroundOpacity: 0.85, borderThickness: 1, borderColor: interactionColor(kind), inFront: true });
    });
  }

  function onCanvas(atom) {
    const { x, y } = viewer.modelToScreen({ x: atom.x, y: atom.y, z: atom.z }), box = byId("view").getBoundingClientRect();
    return { x: x - box.left - scrollX, y: y - box.top - scrollY };
  }

  // The nearest place to a point where a label covers neither another one nor the ligand, and stays on the canvas.
  function freePlace(point, size, taken) {
    const view = byId("view"), overlaps = (x, y) => taken.some((other) => Math.abs(other.x - x) < (other.width + size.width) / 2 && Math.abs(other.y - y) < (other.height + size.height) / 2);
    const inside = (x, y) => x > size.width / 2 && y > size.height / 2 && x < view.clientWidth - size.width / 2 && y < view.clientHeight - size.height / 2;
    for (let far = 0; far <= 90; far += 12) {
      for (let turn = 0; turn < (far ? 12 : 1); turn += 1) {
        const dx = far * 1.5 * Math.cos(turn * Math.PI / 6), dy = far * Math.sin(turn * Math.PI / 6), x = point.x + dx, y = point.y + dy;
        if (inside(x, y) && !overlaps(x, y)) return { x, y, dx, dy, ...size };
      }
    }
    return { ...point, dx: 0, dy: 0, ...size };
  }

  function drawInteractions(pose) {
    pose.interactions.forEach((one) => viewer.addCylinder({
      start: { x: one.start[0], y: one.start[1], z: one.start[2] }, end: { x: one.end[0], y: one.end[1], z: one.end[2] },
      radius: one.kind === "hydrophobic contact" ? 0.04 : 0.08, dashed: true, dashLength: 0.25, gapLength: 0.2, color: interactionColor(one.kind) }));
  }

  function drawSurface() {
    if (!shown.surface) { if (surface !== null) { viewer.removeAllSurfaces(); surface = null; } return; }
    if (surface !== null && surfaceOf === current) return;
    viewer.removeAllSurfaces();
    surfaceOf = current;
    const around = atomsNear(current, 9);
    surface = viewer.addSurface($3Dmol.SurfaceType.VDW, { opacity: 0.55, color: isDark() ? "#5d7285" : "#b9c6d2" }, around, around);
  }

  function draw() {
    const pose = data.poses[current - 1], model = poses[current - 1];
    viewer.removeAllShapes();
    viewer.removeAllLabels();
    receptor.setStyle({}, shown.cartoon ? { cartoon: { style: "oval", thickness: 0.2, arrows: true, opacity: 0.7, color: isDark() ? "#64788a" : "#c9d3dc" } } : {});
    receptor.setStyle({ hetflag: true }, { stick: { radius: 0.14, colorscheme: "grayCarbon" }, sphere: { scale: 0.22, colorscheme: "grayCarbon" } });
    if (shown.pocket) viewer.addStyle(atomsNear(current, 4.5), { stick: { radius: 0.06, colorscheme: "grayCarbon" } });
    poses.forEach((other, index) => {
      const visible = rows[index] && !rows[index].hidden;
      if (other === model) other.setStyle({ ...heavyOnly }, frame === null ? { stick: { radius: 0.21, colorscheme: { prop: "elem", map: { ...$3Dmol.elementColors.defaultColors, C: colorOfMode(pose.mode) } } } } : {});
      else other.setStyle({ not: { elem: "H" } }, shown.all && visible && frame === null ? { stick: { radius: 0.06, opacity: 0.6, color: colorOfMode(data.poses[index].mode) } } : {});
      if (other === model) other.setStyle({ elem: "H", predicate: (atom) => !atom.polar }, {});
      else other.setStyle({ elem: "H" }, {});
    });
    if (moving) {
      moving.setStyle({}, {});
      if (frame !== null) moving.setStyle({ not: { elem: "H" } }, { stick: { radius: 0.17, colorscheme: { prop: "elem", map: { ...$3Dmol.elementColors.defaultColors, C: colorOfMode(data.poses[0].mode) } } } });
    }
    if (shown.labels && frame === null) drawLabels(pose);
    if (shown.latents) drawLatents(frame === null ? pose : data.poses[0]);
    if (shown.interactions && frame === null) drawInteractions(pose);
    drawSurface();
    viewer.render();
    byId("view").dataset.pose = current;
  }

  const percent = (value) => `${Math.round(100 * value)} %`;
  const text = (tag, content, cls) => { const node = document.createElement(tag); node.textContent = content; if (cls) node.className = cls; return node; };

  function tell() {
    const pose = data.poses[current - 1];
    document.querySelectorAll(".rank").forEach((node) => { node.textContent = current; });
    byId("caption").textContent = [`Pose ${current} of ${data.poses.length}`, `${pose.interactions.length} interactions`].filter(Boolean).join(" · ");
    const trust = byId("trust");
    if (pose.trust.near !== null && trust.querySelector("[data-near]")) {
      trust.querySelector("[data-near]").textContent = percent(pose.trust.near);
      trust.querySelector("[data-far]").textContent = pose.trust.far === null ? "–" : percent(pose.trust.far);
      trust.querySelector("[data-band]").textContent = `Pose ${current} is ${pose.trust.band}.`;
      trust.querySelector("[data-reliability]").textContent = pose.trust.reliability || "";
      const now = trust.querySelector(".now");
      if (now) { const x = 30 + 180 * pose.trust.near; now.setAttribute("x1", x); now.setAttribute("x2", x); }
    } else if (trust.querySelector("[data-logit]")) {
      trust.querySelector("[data-logit]").textContent = pose.confidence === null ? "–" : pose.confidence.toFixed(2);
    }
    byId("diagram").innerHTML = pose.diagram || "";  // made by this program from numbers and escaped names
    if (!pose.diagram) byId("diagram").append(text("p", "Drawn for the best pose of each of the first twelve groups; the list has every pose.", "quiet"));
    const box = byId("interactions");
    box.replaceChildren();
    if (!pose.interactions.length) { box.append(text("p", "None by the geometric rules.", "quiet")); return; }
    const table = document.createElement("table"), head = table.createTHead().insertRow(), body = table.createTBody();
    const several = data.distinct > 1 ? ["Poses"] : [];
    ["Kind", "Residue", "Atom", "Ligand", "Å", ...several].forEach((name) => head.append(text("th", name, name === "Å" || name === "Poses" ? "number" : "")));
    if (several.length) head.lastChild.title = `distinct poses that have this kind of interaction with the residue, of ${data.distinct}`;
    pose.interactions.forEach((one) => {
      const row = body.insertRow(), kind = row.insertCell(), dot = text("span", "", "dot");
      dot.style.background = interactionColor(one.kind);
      kind.append(dot, (one.kind === "hydrophobic contact" ? "hydrophobic" : one.kind) + (one.detail ? `, ${one.kind === "hydrogen bond" ? "ligand is " : ""}${one.detail}` : ""));
      row.append(text("td", one.residue), text("td", one.residue_atom), text("td", one.ligand_atom), text("td", one.distance.toFixed(1), "number"));
      if (several.length) row.append(text("td", `${one.poses} of ${data.distinct}`, "number"));
    });
    box.append(table);
  }

  function choose(rank, focus) {
    stop();
    frame = null;
    current = rank;
    rows.forEach((row) => { const own = Number(row.dataset.rank) === rank; row.setAttribute("aria-selected", own); row.tabIndex = own ? 0 : -1; if (own && focus) row.focus(); if (own) row.scrollIntoView({ block: "nearest" }); });
    if (byId("frame")) { byId("frame").value = byId("frame").max; byId("time").textContent = "pose"; }
    const middle = middleOf(poses[rank - 1].selectedAtoms({}));
    const elsewhere = seenAt && Math.hypot(...middle.map((value, axis) => value - seenAt[axis])) > FOLLOW;
    if (elsewhere) zoom(); else draw();
    tell();
  }

  function step(by, focus) {
    const visible = rows.filter((row) => !row.hidden).map((row) => Number(row.dataset.rank));
    const at = Math.max(0, visible.indexOf(current));
    if (visible.length) choose(visible[Math.min(visible.length - 1, Math.max(0, at + by))], focus);
  }

  const middleOf = (atoms) => ["x", "y", "z"].map((axis) => atoms.reduce((sum, atom) => sum + atom[axis], 0) / atoms.length);

  // The pose broadside, with what is before it cut away.
  function zoom() {
    const atoms = poses[current - 1].selectedAtoms({ not: { elem: "H" } }), middle = middleOf(atoms);
    const reach = Math.max(...atoms.map((atom) => Math.hypot(atom.x - middle[0], atom.y - middle[1], atom.z - middle[2])));
    window.orient(viewer, byId("view"), atoms, receptor.selectedAtoms({}));
    viewer.setSlab(-Math.min(reach, 7) - 2, 30);
    seenAt = middle;
    draw();
  }

  function whole() { viewer.setSlab(-200, 200); viewer.zoomTo({ model: receptor }); seenAt = null; draw(); }

  function toggle(name) {
    shown[name] = !shown[name];
    document.querySelector(`[data-toggle="${name}"]`).setAttribute("aria-pressed", shown[name]);
    draw();
  }

  function showFrame(index) {
    const last = data.frames.length - 1;
    if (current !== 1) { choose(1); }
    frame = index;
    const atoms = moving.selectedAtoms({}), place = data.frames[index];
    place.forEach(([x, y, z], k) => { Object.assign(atoms[k], { x, y, z }); });
    byId("frame").value = index;
    byId("time").textContent = `t = ${(1 - index / last).toFixed(2)}`;
    draw();
  }

  function stop() { if (timer) { clearInterval(timer); timer = null; byId("play").textContent = "Play"; byId("play").setAttribute("aria-pressed", "false"); } }

  function play() {
    if (timer) { stop(); return; }
    choose(1);
    let index = 0;
    whole();
    byId("play").textContent = "Pause";
    byId("play").setAttribute("aria-pressed", "true");
    showFrame(0);
    timer = setInterval(() => {
      index += 1;
      if (index >= data.frames.length) { stop(); choose(1); return; }
      showFrame(index);
    }, 220);
  }

  function setTheme(dark) {
    root.dataset.theme = dark ? "dark" : "light";
    byId("theme").textContent = dark ? "Light" : "Dark";
    byId("theme").setAttribute("aria-pressed", dark);
    viewer.setBackgroundColor(color("--view"));
    surfaceOf = 0;
    draw();
  }

  document.querySelectorAll("[data-toggle]").forEach((button) => button.addEventListener("click", () => toggle(button.dataset.toggle)));
  rows.forEach((row) => row.addEventListener("click", () => choose(Number(row.dataset.rank))));
  byId("zoom").addEventListener("click", zoom);
  byId("whole").addEventListener("click", whole);
  byId("theme").addEventListener("click", () => setTheme(!isDark()));
  function filter(mode) {
    const copies = byId("copies") && byId("copies").checked;
    rows.forEach((row) => { row.hidden = (row.hasAttribute("data-copy") && !copies && mode === "") || (mode !== "" && String(data.poses[row.dataset.rank - 1].mode) !== mode); });
  }
  if (byId("copies")) byId("copies").addEventListener("change", () => { filter(byId("mode") ? byId("mode").value : ""); draw(); });

  const tabs = [...document.querySelectorAll('[role="tab"]')];
  function openTab(tab) {
    tabs.forEach((one) => { const own = one === tab; one.setAttribute("aria-selected", own); one.tabIndex = own ? 0 : -1; byId(one.getAttribute("aria-controls")).hidden = !own; });
  }
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => openTab(tab));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      const next = tabs[(index + by + tabs.length) % tabs.length];
      openTab(next); next.focus(); event.preventDefault(); event.stopPropagation();
    });
  });
  if (tabs.length) openTab(tabs[0]);

  function save(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  const asText = (value) => new Blob([value], { type: "text/plain" });
  const inline = (value) => `data:text/plain;base64,${btoa(unescape(encodeURIComponent(value)))}`;
  function fileOf(name) {
    if (name === "poses.sdf") return asText(data.poses.map((pose) => `${pose.sdf}${Object.entries(pose.tags).map(([key, value]) => `>  <${key}>\n${value}\n\n`).join("")}$$$$\n`).join(""));
    if (name === "view.mvsj") return asText(JSON.stringify(data.files[name]).replace('"receptor"', JSON.stringify(inline(data.receptor))).replace('"pose"', JSON.stringify(inline(data.poses[0].sdf))));
    return asText(data.files[name]);
  }
  window.report.fileOf = fileOf;
  document.querySelectorAll("[data-download]").forEach((button) => button.addEventListener("click", () => {
    const name = button.dataset.download;
    if (name === "view.png") fetchPicture().then((blob) => save(name, blob));
    else save(name, fileOf(name));
    byId("downloads").open = false;
  }));
  function fetchPicture() {
    const bytes = atob(viewer.pngURI().split(",")[1]);
    return Promise.resolve(new Blob([Uint8Array.from(bytes, (one) => one.charCodeAt(0))], { type: "image/png" }));
  }
  addEventListener("beforeprint", () => {  // a canvas prints empty, a picture does not
    const picture = new Image();
    picture.id = "printed";
    picture.src = viewer.pngURI();
    byId("view").after(picture);
  });
  addEventListener("afterprint", () => { if (byId("printed")) byId("printed").remove(); });

  if (byId("mode")) byId("mode").addEventListener("change", (event) => {
    const mode = event.target.value;
    filter(mode);
    const first = rows.find((row) => !row.hidden);
    if (first && rows[current - 1].hidden) choose(Number(first.dataset.rank)); else draw();
  });
  if (data.frames) {
    byId("play").addEventListener("click", play);
    byId("frame").addEventListener("input", (event) => { stop(); showFrame(Number(event.target.value)); });
  }
  const keys = { c: "cartoon", s: "surface", p: "pocket", n: "labels", l: "latents", i: "interactions", a: "all" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, summary, pre, [role=tab]")) return;
    const key = event.key.toLowerCase(), inList = event.target.closest("tr[data-rank]");
    if (keys[key]) toggle(keys[key]);
    else if (key === "arrowdown" || key === "arrowright") step(1, inList);
    else if (key === "arrowup" || key === "arrowleft") step(-1, inList);
    else if (key === "home" && inList) step(-Infinity, inList);
    else if (key === "end" && inList) step(Infinity, inList);
    else if (key === "z") zoom();
    else if (key === "w") byId("whole").click();
    else if (key === "t") setTheme(!isDark());
    else if (key === "m" && data.frames) play();
    else return;
    event.preventDefault();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { viewer.setBackgroundColor(color("--view")); draw(); });
  byId("theme").textContent = isDark() ? "Light" : "Dark";
  byId("theme").setAttribute("aria-pressed", isDark());
  function start() { choose(1); zoom(); byId("view").dataset.ready = "true"; }
  const sized = () => byId("view").clientWidth > 0;  // a frame has no size before the page around it is laid out
  if (sized()) start();
  else new ResizeObserver((_, observer) => { if (sized()) { observer.disconnect(); start(); } }).observe(byId("view"));
})();
