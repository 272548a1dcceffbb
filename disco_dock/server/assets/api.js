// Requests to the server; an answer that is an error becomes an exception with its sentence and form field.

export const JOBS = "/api/v1/jobs";
export const LIMITS = "/api/v1/limits";
export const PREVIEW = "/api/v1/preview";

export class Refused extends Error {
  constructor(detail, field) { super(detail); this.field = field; }
}

export async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server does not answer; is it still running?");
  }
  if (answer.status === 204) return null;
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(body.detail || `The server answered ${answer.status}.`, body.field);
  return body;
}

export function post(address, parts, signal) {
  const body = new FormData();
  for (const [name, value] of Object.entries(parts)) if (value) body.append(name, value);
  return ask(address, { method: "POST", body, signal });
}
