// Send a form as the browser would, and read the page that the server answers with.

/** Return the answer and its page, both null if there is none; a form that is on its way takes no input. */
export async function sent(form, fields = {}) {
  const data = new FormData(form);
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  form.inert = true;
  const answer = await fetch(form.getAttribute("action"), { method: "POST", body: data }).catch(() => null);
  const text = await answer?.text().catch(() => null);
  form.inert = false;
  return text ? { answer, page: new DOMParser().parseFromString(text, "text/html") } : { answer: null, page: null };
}

/** Say what a page says instead of doing what was asked. */
export const problem = (page) => (page?.getElementById("problem") || page?.querySelector("h1"))?.textContent || "The server does not answer.";
