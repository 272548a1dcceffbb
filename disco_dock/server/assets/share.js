// A link that opens a finished report without more rights than that.
import { ask, JOBS } from "./api.js";
import { $, make } from "./dom.js";

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text); // only where the page is served safely
    $("#announce").textContent = "The link is copied.";
  } catch {
    $("#announce").textContent = "The link is in the field below the job.";
  }
}

export function shareButton(job, act) {
  const address = `${JOBS}/${job.id}/share`;
  const start = () => act(async () => { const { share } = await ask(address, { method: "POST" }); await copy(`${location.origin}/shared/${share}`); });
  const end = () => act(() => ask(address, { method: "DELETE" }));
  return job.share
    ? make("button", { type: "button", "data-act": "unshare", "aria-label": `Stop sharing ${job.title}`, onclick: end }, "Stop sharing")
    : make("button", { type: "button", "data-act": "share", "aria-label": `Share the report of ${job.title}`, onclick: start }, "Share");
}
