// A Slack payload as Slack draws it: header, context, divider, section, rich text, attachments with their bars; other
// blocks are named.

import { clock, day, full } from "./dates.js";
import { element, isObject, objects } from "./dom.js";
import { mrkdwn, plain, unescaped } from "./mrkdwn.js";
import { firstLine, richText } from "./richtext.js";

const DELETED = "This message was deleted.";
const COLORS = { good: "#2eb67d", warning: "#ecb22e", danger: "#e01e5a" };
const words = (value) => (isObject(value) && typeof value.text === "string" ? value.text : "");
const textOf = (payload) => (typeof payload.text === "string" ? payload.text : String(payload.text ?? ""));

// An <article> for a message; `draw` fills it.
export function message({ post }) {
  const icon = element("img", "avatar");
  Object.assign(icon, { src: "/icon.svg", alt: "", width: 36, height: 36 });
  const article = element("article", "message", icon, element("div", "words"));
  if (post) Object.assign(article.dataset, { channel: post.channel, ts: post.ts });
  return article;
}

// The message with its sender and the time it arrived, as it is now; a thread below it stays. `above` are lines that
// say where it stands.
export function draw(article, entry, above = []) {
  const words = article.querySelector(".words");
  const isDeleted = Boolean(entry.post?.is_deleted);
  for (const child of [...words.children]) if (!child.matches(".thread")) child.remove();
  words.prepend(...(isDeleted ? [element("p", "deleted", DELETED)] : [sender(entry), ...above, ...blocks(entry.payload)]));
  if (!isDeleted && entry.post?.is_edited) {
    const last = [...words.children].filter((child) => !child.matches(".thread")).at(-1);
    last.after(element("p", "edited", "(edited)"));
  }
  article.classList.toggle("is-deleted", isDeleted);
  article.setAttribute("aria-label", `Slack message, ${clock(new Date(entry.at))}: ${headline(entry)}`);
}

function sender(entry) {
  const at = new Date(entry.at);
  const time = element("time", "stamp", clock(at));
  time.dateTime = entry.at;
  time.title = full(at);
  const line = element("p", "sender", element("strong", "", "Testmo Notifier"), element("span", "badge", "APP"), time);
  if (!entry.post) return line;
  const remove = element("button", "delete", "Delete");
  Object.assign(remove, { type: "button", title: "Delete this message, as somebody in Slack may" });
  line.append(element("span", "where", `in ${entry.post.name}`), remove);
  return line;
}

// A message in one line.
export const headline = ({ payload, post }) => (post?.is_deleted ? DELETED : title(payload));

export function divider(entry) {
  return element("p", "day", element("span", "", day(new Date(entry.at))));
}

// One line for the list, and a second one.
export function title(payload) {
  const [first] = objects(payload.blocks).filter((block) => block.type === "header");
  return first ? unescaped(words(first.text)) : plain(textOf(payload).split("\n")[0]) || "Message";
}

export function snippet(payload) {
  const all = objects(payload.attachments).flatMap((attached) => objects(attached.blocks));
  const [first] = [...all, ...objects(payload.blocks)].filter(({ type }) => type === "section" || type === "rich_text");
  if (first?.type === "rich_text") return firstLine(first);
  if (first) return plain(words(first.text).split("\n")[0]);
  return plain(textOf(payload).split("\n").slice(1).join("\n"));
}

function blocks(payload) {
  const drawn = objects(payload.blocks).map(block);
  const rest = objects(payload.attachments).map(attachment);
  if (drawn.length) return [...drawn, ...rest];
  return [element("div", "section", ...text({ type: "mrkdwn", text: textOf(payload), verbatim: false })), ...rest];
}

// Blocks beside a bar of their colour; of the other things an attachment may have, its fallback.
function attachment(value) {
  const drawn = objects(value.blocks).map(block);
  const made = element("div", "attachment", ...(drawn.length ? drawn : [named(String(value.fallback ?? "attachment"))]));
  const color = COLORS[value.color] ?? value.color;
  if (/^#[0-9a-f]{6}$/i.test(color)) made.style.borderLeftColor = color;
  return made;
}

function block(value) {
  switch (value.type) {
    case "header":
      return element("h3", "header", unescaped(words(value.text)));
    case "divider":
      return element("hr");
    case "context":
      return element("div", "context", ...objects(value.elements).flatMap(text));
    case "rich_text":
      return element("div", "section", ...richText(value));
    case "section": {
      const fields = objects(value.fields).map((field) => element("div", "", ...text(field)));
      const main = isObject(value.text) ? text(value.text) : [];
      return element("div", "section", ...main, ...(fields.length ? [element("div", "fields", ...fields)] : []));
    }
    default:
      return named(String(value.type));
  }
}

function text(value) {
  if (value.type === "mrkdwn") return mrkdwn(words(value), value.verbatim === true);
  return value.type === "plain_text" ? [element("p", "", unescaped(words(value)))] : [named(String(value.type))];
}

const named = (type) => element("p", "unknown", `[${type}]`);
