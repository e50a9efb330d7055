// The page: asks the inbox for what arrived and for what arrives, keeps the list, shows one message at a time.

import { forget, isGone, reveal, show } from "./channel.js";
import { setClock } from "./dates.js";
import { isObject } from "./dom.js";
import { entitle, row, spoken } from "./list.js";
import { event, mail } from "./readers.js";

const MAX_ENTRIES = 500; // as many as the inbox keeps
const RETRY_MS = 1000;
const PAGE_TITLE = document.title;
const KEYS = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };

const $ = (id) => document.getElementById(id);
const entries = new Map(); // number → { entry, item, article }, oldest first
let session = "";
let last = 0;
let selected = 0;
let hasChosen = false; // whether the reader has picked a message by hand
let shownKind = "";

// Whether it is a new one, and none that became another.
function take(entry, isNews) {
  last = Math.max(last, entry.changed);
  if (entry.kind === "slack") show(entry);
  const known = entries.get(entry.number);
  if (known) {
    known.entry = entry;
    entitle(known.item, entry);
    return false;
  }
  const item = row(entry);
  entries.set(entry.number, { entry, item });
  item.hidden = !isShown(entry);
  item.classList.toggle("is-new", isNews);
  $("list").prepend(item);
  if (entries.size > MAX_ENTRIES) drop(entries.values().next().value);
  return true;
}

function drop({ entry, item }) {
  item.remove();
  if (entry.kind === "slack") forget(entry);
  entries.delete(entry.number);
}

// What was deleted and has no replies; a deleted reply may be the last one of a deleted message.
function dropDeleted() {
  for (const known of [...entries.values()].reverse()) if (isGone(known.entry)) drop(known);
}

const isShown = (entry) => !shownKind || entry.kind === shownKind;
const shown = () => [...entries.values()].filter(({ entry }) => isShown(entry)).reverse(); // as in the list

function select(number) {
  const known = entries.get(number);
  if (!known || number === selected) return;
  const { entry, item } = known;
  entries.get(selected)?.item.firstChild.removeAttribute("aria-current");
  for (const before of document.querySelectorAll(".is-selected")) before.classList.remove("is-selected");
  selected = number;
  item.firstChild.setAttribute("aria-current", "true");
  item.classList.remove("is-new");
  item.scrollIntoView({ block: "nearest" });
  $("empty").hidden = true;
  $("channel").hidden = entry.kind !== "slack";
  $("letter").hidden = entry.kind === "slack";
  if (entry.kind === "slack") {
    const article = reveal(entry);
    article.classList.add("is-selected");
    article.scrollIntoView({ block: article.offsetHeight > $("reader").clientHeight ? "start" : "nearest" });
  } else {
    $("letter").replaceChildren(entry.kind === "email" ? mail(entry) : event(entry));
    $("reader").scrollTop = 0;
  }
  history.replaceState(null, "", `#${number}`);
  count();
}

// One row is reached by Tab, the arrows lead to the others.
function rove() {
  const visible = shown();
  const stop = visible.find(({ entry }) => entry.number === selected) ?? visible[0];
  for (const known of entries.values()) known.item.firstChild.tabIndex = known === stop ? 0 : -1;
}

function count() {
  rove();
  for (const button of $("filters").children) {
    const kind = button.dataset.kind;
    const number = [...entries.values()].filter(({ entry }) => !kind || entry.kind === kind).length;
    button.firstElementChild.textContent = number;
  }
  const news = document.querySelectorAll("#list .is-new").length;
  document.title = news ? `(${news}) ${PAGE_TITLE}` : PAGE_TITLE;
}

function filter(kind) {
  shownKind = kind;
  for (const button of $("filters").children) button.setAttribute("aria-pressed", button.dataset.kind === kind);
  for (const { entry, item } of entries.values()) item.hidden = !isShown(entry);
  const visible = shown();
  if (visible.length && !visible.some(({ entry }) => entry.number === selected)) choose(visible[0].entry.number);
  rove();
}

function takeAll({ session: theirs, now, entries: arrived }) {
  setClock(now);
  const isFirst = !session;
  session = theirs;
  const followed = kindFollowed();
  const taken = arrived.filter((entry) => take(entry, !isFirst));
  dropDeleted();
  const news = taken.filter((entry) => entries.has(entry.number));
  const asked = isFirst ? Number(location.hash.slice(1)) : 0;
  if (entries.has(asked)) choose(asked);
  else if (selected && !entries.has(selected)) select(shown()[0]?.entry.number); // it was deleted
  else if (followed) select(leading(news, followed));
  if (!isFirst && news.length) $("news").textContent = news.map(spoken).join(". ");
  count();
}

// Who looks at the newest message of a kind sees the next one of that kind at once; others are not interrupted.
// Before a reader has chosen anything, that kind is Slack.
function kindFollowed() {
  if (!hasChosen) return "slack";
  const kind = entries.get(selected)?.entry.kind;
  const newest = [...entries.values()].findLast(({ entry }) => entry.kind === kind);
  return newest?.entry.number === selected ? kind : "";
}

function leading(arrived, kind) {
  const visible = arrived.filter(isShown);
  const fallback = selected || visible.at(-1)?.number;
  return visible.findLast((entry) => entry.kind === kind)?.number ?? fallback;
}

function choose(number) {
  hasChosen = true;
  select(number);
  entries.get(number).item.firstChild.focus({ preventScroll: true });
}

async function listen() {
  for (;;) {
    try {
      const known = session ? `&session=${session}&wait` : "";
      const answer = await fetch(`/entries?after=${last}${known}`, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const told = await answer.json();
      if (!isObject(told)) throw new Error("not an inbox");
      if (session && told.session !== session) return location.replace("/"); // another inbox has taken this address
      takeAll(told);
      state("live", "Live");
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) console.error(error);
      state("lost", "Not connected, trying again");
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

// As somebody in Slack would; what becomes of it arrives like everything else.
async function erase({ channel, ts }) {
  const headers = { Authorization: "Bearer xoxb-page", "Content-Type": "application/json" };
  await fetch("/api/chat.delete", { method: "POST", headers, body: JSON.stringify({ channel, ts }) });
}

function state(is, words) {
  if ($("state").dataset.is === is) return;
  $("state").dataset.is = is;
  $("state").textContent = words;
}

function move(step) {
  const visible = shown();
  const now = visible.findIndex(({ entry }) => entry.number === selected);
  const next = Math.max(0, Math.min(visible.length - 1, now + step));
  if (visible.length) choose(visible[next].entry.number);
}

document.addEventListener("keydown", (press) => {
  if (press.ctrlKey || press.metaKey || press.altKey || $("help").open) return;
  const inReader = $("reader").contains(document.activeElement);
  if (press.key === "?") $("help").showModal();
  else if (/^[1-4]$/.test(press.key)) filter($("filters").children[press.key - 1].dataset.kind);
  else if (press.key in KEYS && !(inReader && press.key.length > 1)) move(KEYS[press.key]); // arrows scroll a message
  else return;
  press.preventDefault();
});
$("list").addEventListener("click", (click) => {
  const anchor = click.target.closest("a");
  if (!anchor) return;
  click.preventDefault();
  choose(anchor.parentElement.value);
});
$("channel").addEventListener("click", (click) => {
  const to = click.target.closest(".above a");
  if (to) click.preventDefault();
  if (to && entries.has(Number(to.hash.slice(1)))) choose(Number(to.hash.slice(1)));
  if (click.target.matches(".delete")) erase(click.target.closest(".message").dataset);
});
$("filters").addEventListener("click", (click) => {
  const button = click.target.closest("button");
  if (button) filter(button.dataset.kind);
});
$("help-button").addEventListener("click", () => $("help").showModal());

listen();
