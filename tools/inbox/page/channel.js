// The channel: messages from top to bottom, threads below their parents, all of it as it is now.

import { written } from "./dates.js";
import { element } from "./dom.js";
import { divider, draw, message, title } from "./slack.js";

const shown = new Map(); // id → { entry, article, inThread, thread, replies }: what is drawn of one message

const idOf = ({ number, post }) => (post ? `${post.channel} ${post.ts}` : String(number));
const parentOf = ({ post }) => (post?.thread_ts ? shown.get(`${post.channel} ${post.thread_ts}`) : undefined);

// Draws what arrived, or what became of it.
export function show(entry) {
  const known = shown.get(idOf(entry));
  if (!known) return arrive(entry);
  known.entry = entry;
  drawAgain(known);
  for (const reply of known.replies) drawAgain(shown.get(reply)); // they name their parent
}

// Whether Slack shows nothing of it any more: it was deleted, and nobody replied.
export const isGone = (entry) => Boolean(entry.post?.is_deleted) && !shown.get(idOf(entry))?.replies.size;

// No longer drawn; what has replies stays above them.
export function forget(entry) {
  const id = idOf(entry);
  const known = shown.get(id);
  if (!known) return;
  const parent = parentOf(entry);
  known.inThread?.remove();
  if (known.replies.size) return;
  known.article?.remove();
  shown.delete(id);
  parent?.replies.delete(id);
  if (parent) count(parent);
}

// The article to be looked at, in a thread that is open.
export function reveal(entry) {
  const { article, inThread } = shown.get(idOf(entry));
  if (article) return article;
  inThread.closest("details").open = true;
  return inThread;
}

function arrive(entry) {
  const parent = parentOf(entry);
  const known = { entry, article: null, inThread: null, thread: null, replies: new Set() };
  shown.set(idOf(entry), known);
  if (!parent || entry.post.is_broadcast) known.article = inChannel(entry);
  if (parent) {
    known.inThread = message(entry);
    parent.thread ??= begin(parent);
    parent.thread.append(known.inThread);
    parent.replies.add(idOf(entry));
    count(parent);
  }
  drawAgain(known);
}

// A channel has a line where a day begins.
function inChannel(entry) {
  const channel = document.getElementById("channel");
  const line = divider(entry);
  const days = channel.querySelectorAll(":scope > .day");
  if (days[days.length - 1]?.textContent !== line.textContent) channel.append(line);
  const article = message(entry);
  channel.append(article);
  return article;
}

function begin({ article, inThread }) {
  const thread = element("details", "thread", element("summary"));
  (article ?? inThread).querySelector(".words").append(thread);
  return thread;
}

function count({ thread, replies }) {
  thread.hidden = !replies.size;
  if (!replies.size) return;
  const last = new Date(shown.get([...replies].at(-1)).entry.at);
  const words = replies.size === 1 ? "1 reply" : `${replies.size} replies`;
  const when = element("span", "last", written("Last reply {date_short_pretty} at {time}", last));
  thread.firstChild.replaceChildren(element("span", "number", words), " ", when);
}

function drawAgain({ entry, article, inThread }) {
  if (article) draw(article, entry, entry.post?.thread_ts ? above(entry) : []);
  if (inThread) draw(inThread, entry, article ? [element("p", "above", "Also sent to the channel")] : []);
}

function above(entry) {
  const parent = parentOf(entry)?.entry;
  if (!parent) return [element("p", "above", "replied to a thread")];
  const to = element("a", "", parent.post.is_deleted ? "a deleted message" : title(parent.payload));
  to.href = `#${parent.number}`;
  return [element("p", "above", "replied to a thread: ", to)];
}
