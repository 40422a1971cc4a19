// The list of jobs: asked for again every few seconds while one of them is at work and the page is seen.

import { byId } from "./dom.js";
import { localTimes } from "./words.js";

const PAUSE_MS = 4000;
const LONGEST_PAUSE_MS = 60000;
let pause = PAUSE_MS;
let kept = byId("jobs").innerHTML; // compared with, never parsed again

/** Put the server's list in the place of the old one; it is the server that has made text of whatever stands in it. */
async function refresh() {
  const answer = await fetch(location.href).catch(() => null);
  pause = answer?.ok ? PAUSE_MS : Math.min(2 * pause, LONGEST_PAUSE_MS);
  byId("connection").dataset.state = answer?.ok ? "live" : "waiting";
  byId("connection").textContent = answer?.ok ? "Live" : "No connection; trying again";
  if (!answer?.ok) return;
  if (answer.redirected) return location.reload(); // the session is over
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("jobs");
  if (!fresh || fresh.innerHTML === kept) return;
  kept = fresh.innerHTML;
  byId("jobs").replaceChildren(...document.adoptNode(fresh).childNodes);
  localTimes(byId("jobs"));
}

async function follow() {
  const working = byId("jobs").querySelector("[data-status='running'], [data-status='queued']");
  if (!document.hidden && (working || pause > PAUSE_MS)) await refresh();
  setTimeout(follow, pause);
}

localTimes(byId("jobs"));
document.addEventListener("visibilitychange", () => !document.hidden && refresh());
setTimeout(follow, PAUSE_MS);
