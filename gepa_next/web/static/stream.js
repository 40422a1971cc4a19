// Follow the events of a job: each once, in order, through whatever breaks the connection.

import { ask } from "./api.js";

const TYPES = ["started", "progress", "resumed", "finished", "failed", "cancelled"];
const TERMINAL = new Set(["finished", "failed", "cancelled"]);
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30000;
const SESSION_WAIT_MS = 15000;

/**
 * One connection of a page: what has happened since its last event comes in one piece, then a stream goes on from there.
 *
 * There is none while the page is hidden. A browser reconnects by itself only after a stream that broke; after an answer
 * such as 401, 502 or 503 it gives up. Then all of it begins anew, after a wait that doubles each time; after 401 the wait
 * is long and stays the same.
 */
export class Stream {
  constructor(jobId, { onEvents, onConnection }) {
    Object.assign(this, { jobId, onEvents, onConnection, last: 0, ended: false, gone: false, shut: false, wait: FIRST_WAIT_MS, connected: null });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.open()));
    window.addEventListener("pagehide", () => this.pause());
    window.addEventListener("pageshow", (event) => event.persisted && this.open());
  }

  /** Connect, unless the page is hidden, it is connected, or there is no such job any more. */
  async open() {
    clearTimeout(this.timer);
    if (this.connected || this.gone || document.hidden) return;
    const { signal } = (this.connected = new AbortController());
    if (!this.shut) this.onConnection("connecting"); // who is asked to log in need not hear of each attempt
    const found = await ask(`/jobs/${this.jobId}/history?after=${this.last}`, { signal })
      .catch((refusal) => void (signal.aborted || this.refused(refusal)));
    if (signal.aborted) return;
    this.shut = false;
    this.take(found.events.map(([id, type, ts, data]) => ({ id, type, ts, data })));
    if (found.ended) this.leave("ended");
    else this.listen(signal);
  }

  listen(signal) {
    const source = new EventSource(`/v1/optimize/${this.jobId}/events?last_event_id=${this.last}`);
    signal.addEventListener("abort", () => source.close());
    for (const type of TYPES) source.addEventListener(type, (event) => this.take([JSON.parse(event.data)]));
    source.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.onConnection("live");
    };
    source.onerror = () => this.broken(source);
  }

  /** Disconnect until the page is seen again. */
  pause() {
    if (!this.gone) this.leave("paused");
  }

  /** Disconnect. */
  leave(state) {
    clearTimeout(this.timer);
    this.connected?.abort();
    this.connected = null;
    this.onConnection(state);
  }

  /** Hand on what is new of these events. */
  take(events) {
    const fresh = events.filter((event) => event.id > this.last);
    if (!fresh.length) return;
    this.last = fresh.at(-1).id;
    this.ended = TERMINAL.has(fresh.at(-1).type);
    this.onEvents(fresh);
  }

  broken(source) {
    if (this.ended) {
      this.leave("connecting"); // the history says whether it has ended or goes on
      this.open();
    } else if (source.readyState === EventSource.CLOSED) this.later();
    else this.onConnection("connecting");
  }

  refused({ status }) {
    if (status === 401) this.outside();
    else if (status === 404) this.left();
    else this.later();
  }

  /** Look now and then whether somebody has logged in, in this tab or another. */
  outside() {
    this.leave("refused");
    this.shut = true;
    this.timer = setTimeout(() => this.open(), SESSION_WAIT_MS);
  }

  /** Take it that the job is gone for good. */
  left() {
    this.gone = true;
    this.leave("gone");
  }

  /** Connect again after a while, and after a longer one the next time. */
  later() {
    this.leave("waiting");
    this.timer = setTimeout(() => this.open(), this.wait * (0.5 + Math.random() / 2));
    this.wait = Math.min(Math.max(2 * this.wait, FIRST_WAIT_MS), LONGEST_WAIT_MS);
  }
}
