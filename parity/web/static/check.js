// A homework file or notebook: what is right, a hint for what is not, and on demand the rest.
import { get, post } from "./api.js";
import { card, choose, fill, h } from "./dom.js";
import { remember } from "./settings.js";

export const title = "Check";
export const lead = "Drop a homework file or a notebook, or paste it. It runs in the sandbox of parity check on this computer, is judged against PyTorch, and is forgotten.";

const WORDS = { pass: "right", fail: "wrong", unstable: "unstable", partial: "right in part", borrowed: "not by hand", missing: "not written", error: "stops", timeout: "too slow" };
const GOOD = { pass: 3, partial: 2, unstable: 1, missing: 0 }; // how good a verdict is, for what got better
const LARGEST = 2 * 2 ** 20;
const rank = (status) => GOOD[status] ?? 0;

export async function show(body, address) {
  const { layouts } = await get("/api/choices");
  let layout = address.layout ?? "auto";
  let name = "homework.py";
  const tries = [];

  const text = h("textarea", { rows: 12, spellcheck: "false", "aria-label": "The file", placeholder: "def relu(input):\n    return np.maximum(input, 0)" });
  const file = h("input", { type: "file", accept: ".py,.ipynb", "aria-label": "Choose a file", onchange: () => file.files[0] && take(file.files[0]) });
  const drop = h("div", { class: "drop" }, h("p", {}, "Drop a ", h("b", {}, ".py"), " or ", h("b", {}, ".ipynb"), " file here, or choose one: ", file), text);
  const button = h("button", { type: "button", class: "primary", onclick: check }, "Check");
  const status = h("p", { class: "status", role: "status" });
  const outcome = h("div", {});
  const controls = h("div", { class: "controls" },
    choose("Layout", [["auto", "recognise it"], ["contract", "this project's names"], ...layouts.filter((one) => one !== "contract")], layout, (value) => { layout = value; remember({ layout: value === "auto" ? undefined : value }); }), button);
  body.append(card("Your file", drop, controls, status), outcome);

  for (const event of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(event, (happening) => {
      happening.preventDefault();
      drop.classList.toggle("over", event === "dragover");
      if (event === "drop" && happening.dataTransfer.files[0]) take(happening.dataTransfer.files[0]);
    });
  }
  text.addEventListener("input", () => { name = text.value.trimStart().startsWith("{") ? "notebook.ipynb" : "homework.py"; });

  async function take(chosen) {
    if (chosen.size > LARGEST) return say(`${chosen.name} has ${chosen.size} bytes, expected at most ${LARGEST}.`, true);
    text.value = await chosen.text();
    name = chosen.name;
    await check();
  }

  function say(words, bad = false) {
    status.textContent = words;
    status.classList.toggle("bad", bad);
  }

  async function check() {
    button.disabled = true;
    say(`Checking ${name} …`);
    try {
      const answer = await post("/api/check", { name, source: text.value, layout });
      tries.push(answer);
      const { passed, failed } = answer;
      say(`${passed} right, ${failed} wrong${answer.layout && answer.layout !== "contract" ? `, read by the layout ${answer.layout}` : ""}.`);
      draw();
    } catch (error) {
      say(error.message, true);
    }
    button.disabled = false;
  }

  function draw() {
    const now = tries.at(-1);
    const before = tries.at(-2);
    const earlier = new Map(before?.results.map((result) => [result.name, result.status]));
    const written = now.results.filter((result) => result.status !== "missing" || earlier.has(result.name) && earlier.get(result.name) !== "missing");
    const missing = now.results.filter((result) => result.status === "missing").map((result) => result.name);
    const wrong = written.filter((result) => result.status !== "pass" && result.status !== "missing");
    fill(outcome,
      card(before ? `Verdicts, try ${tries.length} beside try ${tries.length - 1}` : "Verdicts",
        now.notes.map((note) => h("p", { class: "muted" }, note)),
        before ? h("p", { class: "progress-words" }, compared(written, earlier)) : null,
        h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Verdicts" }, h("table", { class: "list verdicts" },
          h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "name"), before ? h("th", { scope: "col" }, "before") : null, h("th", { scope: "col" }, "verdict"), h("th", { scope: "col" }, "hint"))),
          h("tbody", {}, written.map((result) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, result.name)),
            before ? h("td", {}, badge(earlier.get(result.name) ?? "missing")) : null,
            h("td", {}, badge(result.status), change(result, earlier)), h("td", {}, result.status === "pass" ? result.notes.join("; ") : result.hint || "")))))),
        missing.length ? h("p", { class: "muted" }, `Not written yet: ${missing.join(", ")}.`) : null),
      wrong.length ? card("What to look at", wrong.map(detail)) : null,
      now.printed ? card(null, h("details", {}, h("summary", {}, "What the file printed"), h("pre", { tabindex: "0" }, now.printed))) : null);
  }

  const badge = (verdict) => h("span", { class: `verdict ${verdict}` }, WORDS[verdict] ?? verdict);

  function change(result, earlier) {
    if (!earlier.size) return null;
    const [was, is] = [rank(earlier.get(result.name) ?? "missing"), rank(result.status)];
    return is > was ? h("span", { class: "good" }, " ↑ better") : is < was ? h("span", { class: "bad" }, " ↓ worse") : null;
  }

  function compared(results, earlier) {
    const better = results.filter((result) => rank(result.status) > rank(earlier.get(result.name) ?? "missing")).map((result) => result.name);
    const worse = results.filter((result) => rank(result.status) < rank(earlier.get(result.name) ?? "missing")).map((result) => result.name);
    return [better.length ? `Better: ${better.join(", ")}. ` : "Nothing got better. ", worse.length ? `Worse: ${worse.join(", ")}.` : ""].join("");
  }

  function detail(result) {
    const more = [result.explanation, result.where].filter(Boolean);
    return h("section", { class: "pair detail" }, h("h3", {}, h("code", {}, result.name), " ", badge(result.status)),
      result.hint ? h("p", { class: "hint" }, result.hint) : h("p", {}, result.explanation),
      result.hint || result.where || result.example || result.traceback ? h("details", {}, h("summary", {}, "Explanation and counterexample"),
        h("p", {}, more.map((words) => h("span", {}, /[.?)]$/.test(words) ? `${words} ` : `${words}. `))),
        result.example ? h("pre", { class: "example", tabindex: "0" }, result.example) : null,
        result.notes.length ? h("p", { class: "muted" }, result.notes.join("; ")) : null,
        result.traceback ? h("pre", { class: "example", tabindex: "0" }, result.traceback) : null) : null);
  }
}
