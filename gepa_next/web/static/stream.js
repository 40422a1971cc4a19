// Follow the events of a job: each once, in order, through whatever breaks the connection.

import { ask } from "./api.js";

const TYPES = ["started", "progress", "resumed", "finished", "failed", "cancelled"];
const TERMINAL = new Set(["finished", "failed", "cancelled"]);
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30000;

/**
 * One stream of a page. It is closed while the page is hidden, and opened again after the last event when it is seen.
 *
 * A browser reconnects by itself only after a stream that broke; after an answer such as 401, 502 or 503 it gives up.
 * Then the state of the job says what to do: nothing more, or another try after a wait that doubles each time.
 */
export class Stream {
  constructor(jobId, { onEvent, onConnection }) {
    Object.assign(this, { jobId, onEvent, onConnection, last: 0, ended: false, wait: FIRST_WAIT_MS });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.open()));
    window.addEventListener("pagehide", () => this.pause());
    window.addEventListener("pageshow", (event) => event.persisted && this.open());
  }

  /** Connect, unless the page is hidden or it is connected. */
  open() {
    clearTimeout(this.timer);
    if (this.source || document.hidden) return;
    this.onConnection("connecting");
    const source = new EventSource(`/v1/optimize/${this.jobId}/events${this.last ? `?last_event_id=${this.last}` : ""}`);
    this.source = source;
    for (const type of TYPES) source.addEventListener(type, (event) => this.take(event));
    source.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.onConnection("live");
    };
    source.onerror = () => this.source === source && this.broken();
  }

  /** Disconnect until the page is seen again. */
  pause() {
    this.close();
    this.onConnection("paused");
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  take(message) {
    const id = Number(message.lastEventId);
    if (id <= this.last) return;
    this.last = id;
    this.ended = TERMINAL.has(message.type);
    this.onEvent(JSON.parse(message.data));
  }

  broken() {
    if (this.source.readyState !== EventSource.CLOSED && !this.ended) {
      this.onConnection("connecting");
      return;
    }
    this.close();
    this.look();
  }

  /** See how the job stands, and go on accordingly. */
  async look() {
    try {
      const job = await ask(`/v1/optimize/${this.jobId}`);
      if (TERMINAL.has(job.status) && this.ended) this.onConnection("ended", job);
      else this.later();
    } catch (refusal) {
      if (refusal.status === 401) this.onConnection("refused");
      else if (refusal.status === 404) this.onConnection("gone");
      else this.later();
    }
  }

  later() {
    const wait = this.wait * (0.5 + Math.random() / 2);
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
    this.onConnection("waiting");
    this.timer = setTimeout(() => this.open(), wait);
  }
}
