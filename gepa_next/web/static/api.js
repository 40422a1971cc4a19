// Ask the server; the session's cookie goes along, and an answer that is an error becomes one.

/** An answer of the server that is an error; details are {path, message}. */
export class Refusal extends Error {
  constructor(status, error) {
    super(error.message);
    Object.assign(this, { status, code: error.code, details: error.details || [] });
  }
}

/** Return the JSON of an answer; Refusal if it is an error, if there is none, or if it breaks off. */
export async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { ...headers, "Content-Type": "application/json" } };
  const answer = await fetch(path, { method, headers, signal, ...sent }).catch(() => null);
  if (answer === null) throw new Refusal(0, { code: "unreachable", message: "the server does not answer" });
  const said = await answer.json().catch(() => null);
  if (!answer.ok || said === null) throw new Refusal(answer.status, said?.error || { code: "unreadable", message: `the server answered ${answer.status}` });
  return said;
}
