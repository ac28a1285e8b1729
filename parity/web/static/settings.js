// The settings of a view live in its address, so that it can be handed out.

/** Put `settings` into the address; what is empty or undefined is left out. */
export function remember(settings) {
  const kept = Object.entries(settings).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = new URLSearchParams(kept.map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : value]));
  history.replaceState(null, "", `${location.pathname}${kept.length ? "?" : ""}${query}`);
}

/** A JSON value of the address; `otherwise` where it is none. */
export function parsed(text, otherwise) {
  try {
    return text ? JSON.parse(text) : otherwise;
  } catch {
    return otherwise;
  }
}
