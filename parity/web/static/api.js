// Requests to the server. While it does not answer, the page says so, and a request waits until it is back.
import { h } from "./dom.js";

/** The server's own words for why it did not do what it was asked. */
export class Refused extends Error {}

const PATIENCE = 1000; // ms between looks whether the server is back
const HEARTBEAT = 4000;

export const get = (path, fields = {}) => request(`${path}?${new URLSearchParams(fields)}`, {});

export const post = (path, fields = {}) => request(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(fields),
});

async function request(path, options) {
  for (;;) {
    const response = await attempt(path, options);
    if (response) {
      const answer = await response.json();
      if (!response.ok) throw new Refused(answer.error);
      return answer;
    }
    await back();
  }
}

/** The response, or nothing where there is no server or one that does not know this browser. */
async function attempt(path, options) {
  try {
    const response = await fetch(path, options);
    if (response.status !== 403) return response;
    tell("The server was started anew. Open the address that it printed, in another tab if you like: this page then goes on.");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    tell("The server does not answer. Start it again with ", h("code", {}, "parity serve"), ": this page then goes on.");
  }
  return null;
}

let waiting = null;

/** Settles once the server answers again. */
function back() {
  waiting ??= (async () => {
    do await new Promise((wake) => setTimeout(wake, PATIENCE)); while (!(await attempt("/api/alive", {})));
    trouble.hidden = true;
    waiting = null;
  })();
  return waiting;
}

const trouble = document.getElementById("trouble");

function tell(...words) {
  if (trouble.hidden) {
    trouble.replaceChildren(...words);
    trouble.hidden = false;
  }
}

setInterval(async () => {
  if (!document.hidden && !waiting && !(await attempt("/api/alive", {}))) back();
}, HEARTBEAT);
