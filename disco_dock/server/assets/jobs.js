// The list of jobs, as the server tells of them.
import { ask, JOBS, LIMITS } from "./api.js";
import { $, all, sentence } from "./dom.js";
import { ago, entry, stateText } from "./job_entry.js";
import { say } from "./problems.js";

const BUSY = 700, IDLE = 5000; // milliseconds between two looks at the jobs
const list = $("#list"), shown = new Map();
let timer = 0;
export let limits = null;

async function act(call) {
  try {
    await call();
  } catch (error) {
    say(error.message);
  }
  await look();
}

// An entry is replaced only when what it shows has changed, so that focus and open details stay.
function replace(old, element) {
  for (const part of all("details[open]", old)) $(`details[data-part="${part.dataset.part}"]`, element)?.setAttribute("open", "");
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(element);
  if (focused) ($(`[data-act="${focused.dataset.act}"]`, element) || $("a, button", element))?.focus();
}

function draw(jobs) {
  $("#empty").hidden = jobs.length > 0;
  const wanted = new Set(jobs.map((job) => job.id));
  for (const [id, old] of shown) if (!wanted.has(id)) { old.element.remove(); shown.delete(id); }
  jobs.forEach((job, place) => {
    const text = JSON.stringify(job) + ago(job.finished || job.created), old = shown.get(job.id);
    let element = old?.element;
    if (!old || old.text !== text) {
      element = entry(job, act);
      if (old) replace(old.element, element);
      if (old && old.state !== job.state) $("#announce").textContent = `${job.title}: ${stateText(job)}`;
      shown.set(job.id, { text, element, state: job.state });
    }
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] || null);
  });
}

export async function look() {
  clearTimeout(timer);
  let pause = IDLE;
  try {
    limits = await ask(LIMITS);
    const jobs = await ask(JOBS);
    draw(jobs);
    const waiting = limits.waiting ? `${limits.waiting} of ${limits.max_queue} places in the queue taken` : "ready";
    const text = limits.ready ? sentence(waiting) : limits.trouble || "Loading the networks\u2026";
    if ($("#status").textContent !== text) $("#status").textContent = text;
    $("#limits").textContent = `up to ${limits.max_poses} poses, ${limits.max_upload_mb} MB`;
    $('[name="num_poses"]').max = limits.max_poses;
    if (!limits.ready || jobs.some((job) => job.state === "running" || job.state === "queued")) pause = BUSY;
  } catch (error) {
    $("#status").textContent = error.message;
  }
  timer = setTimeout(look, document.hidden ? IDLE : pause);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
