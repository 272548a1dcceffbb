"use strict";
// The page of disco-dock serve: it fills a form, sends it, and shows the jobs that the server tells of.
(() => {
  const JOBS = "/api/v1/jobs";
  const BUSY = 700, IDLE = 5000; // milliseconds between two looks at the jobs
  const $ = (selector) => document.querySelector(selector);
  const form = $("#form"), problem = $("#problem"), list = $("#list");
  let limits = null, timer = 0;

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };

  const ask = async (address, options) => {
    let answer;
    try {
      answer = await fetch(address, options);
    } catch {
      throw new Error("The server does not answer; is it still running?");
    }
    if (answer.status === 204) return null;
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(body.detail || `The server answered ${answer.status}.`);
    return body;
  };

  const say = (sentence) => {
    problem.textContent = sentence ? sentence[0].toUpperCase() + sentence.slice(1) : "";
    problem.hidden = !sentence;
  };

  // the form

  const show = (input) => {
    const zone = input.closest(".drop"), text = zone.querySelector(".file"), file = input.files[0];
    zone.classList.toggle("full", Boolean(file));
    text.textContent = file ? `${file.name} (${size(file.size)})` : text.dataset.empty;
    if (input.name === "ligand" && file) form.elements.smiles.value = "";
  };
  const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  for (const zone of document.querySelectorAll(".drop")) {
    const input = zone.querySelector("input");
    input.addEventListener("change", () => { show(input); say(""); });
    for (const kind of ["dragenter", "dragover"]) {
      zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
    }
    for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length === 1) {
        input.files = event.dataTransfer.files;
        input.dispatchEvent(new Event("change"));
      } else {
        say("Drop one file at a time; several ligands may be in one SDF.");
      }
    });
  }
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());

  form.elements.smiles.addEventListener("input", () => {
    const file = form.elements.ligand;
    if (form.elements.smiles.value && file.files.length) { file.value = ""; show(file); }
    say("");
  });

  form.addEventListener("change", (event) => {
    if (event.target.name !== "where") return;
    for (const field of form.querySelectorAll("[data-where]")) {
      field.hidden = !field.dataset.where.split(" ").includes(event.target.value);
    }
  });

  const asked = () => {
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
  };

  const lacking = (data) => {
    if (!data.has("protein")) return "Add a protein first.";
    if (!data.has("ligand") && !data.has("smiles")) return "Add a ligand: a file, or a SMILES.";
    const total = [...data.values()].reduce((sum, value) => sum + (value.size || 0), 0);
    if (limits && total > limits.max_upload_mb * 1048576) return `The files are larger than ${limits.max_upload_mb} MB; this server accepts no more.`;
    return "";
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const data = asked(), sentence = lacking(data);
    say(sentence);
    if (sentence) return;
    $("#dock").disabled = true;
    try {
      await ask(JOBS, { method: "POST", body: data });
      await look();
      list.firstElementChild?.scrollIntoView({ block: "nearest" });
    } catch (error) {
      say(error.message);
    }
    $("#dock").disabled = false;
  });

  // the jobs

  const ago = (seconds) => {
    const passed = Date.now() / 1000 - seconds;
    if (passed < 60) return "just now";
    if (passed < 3600) return `${Math.floor(passed / 60)} min ago`;
    if (passed < 86400) return `${Math.floor(passed / 3600)} h ago`;
    return new Date(seconds * 1000).toLocaleDateString();
  };
  const span = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

  const act = (address, method) => async () => {
    try {
      await ask(address, { method });
    } catch (error) {
      say(error.message);
    }
    await look();
  };

  const stateText = (job) => {
    if (job.state === "queued") return job.position ? `waiting, number ${job.position}` : "waiting";
    if (job.state === "running") return `${Math.round(100 * job.progress)} %`;
    return job.state;
  };

  const detail = (job) => {
    const poses = `${job.options.num_poses} ${job.options.num_poses === 1 ? "pose" : "poses"}`;
    const parts = [`${job.ligand} in ${job.protein}`, poses, `seed ${job.options.seed}`];
    if (job.source === "nim") parts.push("by the NIM interface");
    parts.push(job.finished && job.started ? `took ${span(job.finished - job.started)}, ${ago(job.finished)}` : ago(job.created));
    return parts.join(" \u00b7 ");
  };

  const files = (job) => {
    const many = job.complexes.length > 1;
    const items = job.complexes.map((one) => {
      const links = one.files.filter((name) => name !== "report.html").flatMap((name) => [
        make("a", { href: `${JOBS}/${job.id}/files/${name}?complex=${one.number}`, download: true }, name), " ",
      ]);
      if (!many) return make("li", {}, ...links);
      const report = one.files.includes("report.html")
        ? make("a", { href: `${JOBS}/${job.id}/report?complex=${one.number}`, target: "_blank", rel: "noopener" }, "report") : null;
      return make("li", {}, `${one.name}: `, ...(one.message ? [one.message] : [report, " ", ...links]));
    });
    return make("details", { "data-part": "files" }, make("summary", {}, many ? `${items.length} ligands` : "Files"), make("ul", {}, ...items));
  };

  const entry = (job) => {
    const running = job.state === "running", active = running || job.state === "queued";
    const notes = job.warnings.map((text) => make("li", {}, text));
    return make("li", { "data-job": job.id, "data-state": job.state },
      make("div", { class: "top" }, make("span", { class: "name" }, job.title), make("span", { class: `badge ${job.state}` }, stateText(job))),
      make("p", { class: "what" }, detail(job)),
      running ? make("progress", { max: 1, value: job.progress, "aria-label": `Progress of ${job.title}` }) : null,
      running ? make("p", { class: "what" }, job.stage) : null,
      job.error ? make("p", { class: "error" }, job.error) : null,
      job.complexes.length ? files(job) : null,
      notes.length ? make("details", { "data-part": "notes" }, make("summary", {}, `${notes.length} ${notes.length === 1 ? "note" : "notes"}`), make("ul", {}, ...notes)) : null,
      make("div", { class: "actions" },
        job.report ? make("a", { class: "button primary", href: job.report, target: "_blank", rel: "noopener" }, "Open report") : null,
        active ? make("button", { type: "button", class: "spread", "data-act": "cancel", "aria-label": `Cancel ${job.title}`, onclick: act(`${JOBS}/${job.id}/cancel`, "POST") }, "Cancel")
          : make("button", { type: "button", class: "spread", "data-act": "delete", "aria-label": `Delete ${job.title}`, onclick: act(`${JOBS}/${job.id}`, "DELETE") }, "Delete")));
  };

  // An entry is replaced only when what it shows has changed, so that focus and open details stay.
  const shown = new Map();
  const draw = (jobs) => {
    $("#empty").hidden = jobs.length > 0;
    const wanted = new Set(jobs.map((job) => job.id));
    for (const [id, old] of shown) if (!wanted.has(id)) { old.element.remove(); shown.delete(id); }
    jobs.forEach((job, place) => {
      const text = JSON.stringify(job) + ago(job.finished || job.created), old = shown.get(job.id);
      let element = old?.element;
      if (!old || old.text !== text) {
        element = entry(job);
        if (old) {
          for (const part of old.element.querySelectorAll("details[open]")) {
            element.querySelector(`details[data-part="${part.dataset.part}"]`)?.setAttribute("open", "");
          }
          const focused = old.element.contains(document.activeElement) ? document.activeElement : null;
          old.element.replaceWith(element);
          if (focused?.dataset.act) (element.querySelector(`[data-act="${focused.dataset.act}"]`) || element.querySelector("a, button"))?.focus();
        }
        shown.set(job.id, { text, element });
      }
      if (list.children[place] !== element) list.insertBefore(element, list.children[place] || null);
    });
  };

  const look = async () => {
    clearTimeout(timer);
    let pause = IDLE;
    try {
      limits = await ask("/api/v1/limits");
      const jobs = await ask(JOBS);
      draw(jobs);
      const waiting = limits.waiting ? `${limits.waiting} of ${limits.max_queue} places in the queue taken` : "ready";
      $("#status").textContent = limits.ready ? waiting[0].toUpperCase() + waiting.slice(1) : limits.trouble || "Loading the networks\u2026";
      $("#limits").textContent = `up to ${limits.max_poses} poses, ${limits.max_upload_mb} MB`;
      form.elements.num_poses.max = limits.max_poses;
      if (!limits.ready || jobs.some((job) => job.state === "running" || job.state === "queued")) pause = BUSY;
    } catch (error) {
      $("#status").textContent = error.message;
    }
    timer = setTimeout(look, document.hidden ? IDLE : pause);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });

  // light and dark

  const theme = $("#theme"), root = document.documentElement, prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.theme === "dark" || (root.dataset.theme !== "light" && prefersDark.matches);
  const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; theme.setAttribute("aria-pressed", String(isDark())); };
  const kept = localStorage.getItem("disco-dock-theme");
  if (kept) root.dataset.theme = kept;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("disco-dock-theme", root.dataset.theme);
    label();
  });
  prefersDark.addEventListener("change", label);
  label();
  look();
})();
