// One job of the list.
import { ask, JOBS } from "./api.js";
import { count, make, sentence } from "./dom.js";
import { shareButton } from "./share.js";

export const ago = (seconds) => {
  const passed = Date.now() / 1000 - seconds;
  if (passed < 60) return "just now";
  if (passed < 3600) return `${Math.floor(passed / 60)} min ago`;
  if (passed < 86400) return `${Math.floor(passed / 3600)} h ago`;
  return new Date(seconds * 1000).toLocaleDateString();
};
const span = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

export function stateText(job) {
  if (job.state === "queued") return job.position ? (job.position === 1 ? "next in the queue" : `number ${job.position} in the queue`) : "waiting";
  if (job.state === "running") return `${Math.round(100 * job.progress)} %`;
  return job.state;
}

// The name behind a SMILES, or what was given.
const ligandName = (text) => (/\.\w{2,6}(\.gz)?$/.test(text) ? text : text.replace(/^\S+\s+(?=\S)/, ""));

function detail(job) {
  const parts = [`${ligandName(job.ligand)} in ${job.protein}`, count(job.options.num_poses, "pose")];
  if (job.options.seed) parts.push(`seed ${job.options.seed}`);
  if (job.source === "nim") parts.push("by the NIM interface");
  parts.push(job.finished && job.started ? `took ${span(job.finished - job.started)}, ${ago(job.finished)}` : ago(job.created));
  return parts.join(" \u00b7 ");
}

// What the first pose of a ligand is worth, in a line.
function verdict(one) {
  const parts = [];
  if (one.p_rmsd_under_2 !== null) parts.push(make("b", {}, `${Math.round(100 * one.p_rmsd_under_2)} %`), ` ${one.trust}`);
  else if (one.trust) parts.push(one.trust);
  const facts = [one.vina_score === null ? null : `Vina ${one.vina_score.toFixed(1)}`, one.valid === null ? null : one.valid ? "valid" : "not valid", one.key_residues ? `held by ${one.key_residues.split(" ").slice(0, 3).join(" ")}` : null].filter(Boolean);
  if (facts.length) parts.push(`${parts.length ? " \u00b7 " : ""}${facts.join(" \u00b7 ")}`);
  return parts;
}

function files(job) {
  const many = job.complexes.length > 1;
  const items = job.complexes.map((one) => {
    const links = one.files.filter((name) => name !== "report.html").flatMap((name) => [
      make("a", { href: `${JOBS}/${job.id}/files/${name}?complex=${one.number}`, download: true }, name), " ",
    ]);
    if (!many) return make("li", {}, ...links);
    const report = one.files.includes("report.html")
      ? make("a", { href: `${JOBS}/${job.id}/report?complex=${one.number}`, target: "_blank", rel: "noopener" }, "report") : null;
    return make("li", {}, make("b", {}, one.name), ": ", ...(one.message ? [one.message] : [...verdict(one), " ", report, " ", ...links]));
  });
  return make("details", { "data-part": "files" }, make("summary", {}, many ? `${items.length} ligands` : "Files"), make("ul", {}, ...items));
}

export function entry(job, act) {
  const running = job.state === "running", active = running || job.state === "queued";
  const notes = job.notes.map((text) => make("li", {}, text));
  const warnings = job.warnings.map((text) => make("p", { class: "caution" }, sentence(text)));
  const only = job.complexes.length === 1 ? verdict(job.complexes[0]) : [];
  const button = (what, name, address, method) => make("button", { type: "button", class: "spread", "data-act": what, "aria-label": `${name} ${job.title}`, onclick: () => act(() => ask(address, { method })) }, name);
  return make("li", { "data-job": job.id, "data-state": job.state },
    make("div", { class: "top" }, make("span", { class: "name" }, job.title), make("span", { class: `badge ${job.state}` }, stateText(job))),
    make("p", { class: "what" }, detail(job)),
    running ? make("progress", { max: 1, value: job.progress, "aria-label": `Progress of ${job.title}` }) : null,
    running ? make("p", { class: "what" }, job.stage) : null,
    job.error ? make("p", { class: "error" }, job.error) : null,
    only.length ? make("p", { class: "verdict" }, ...only) : null,
    ...warnings,
    job.complexes.length ? files(job) : null,
    notes.length ? make("details", { "data-part": "notes" }, make("summary", {}, count(notes.length, "note")), make("ul", {}, ...notes)) : null,
    make("div", { class: "actions" },
      job.report ? make("a", { class: "button primary", href: job.report, target: "_blank", rel: "noopener" }, "Open report") : null,
      job.report ? shareButton(job, act) : null,
      active ? button("cancel", "Cancel", `${JOBS}/${job.id}/cancel`, "POST") : button("delete", "Delete", `${JOBS}/${job.id}`, "DELETE")),
    job.share ? make("label", { class: "stacked shared" }, "Whoever has this link can read the report:",
      make("input", { type: "text", readonly: true, value: `${location.origin}/shared/${job.share}`, "aria-label": `Link of the report of ${job.title}`, onfocus: (event) => event.target.select() })) : null);
}
