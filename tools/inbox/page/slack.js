// A Slack payload as Slack draws it: header, context, divider, section, rich text, attachments with their bars; other
// blocks are named.

import { clock, day, full } from "./dates.js";
import { element, isObject, objects } from "./dom.js";
import { mrkdwn, plain, unescaped } from "./mrkdwn.js";
import { firstLine, richText } from "./richtext.js";

const COLORS = { good: "#2eb67d", warning: "#ecb22e", danger: "#e01e5a" };
const words = (value) => (isObject(value) && typeof value.text === "string" ? value.text : "");
const textOf = (payload) => (typeof payload.text === "string" ? payload.text : String(payload.text ?? ""));

// The message as an <article>, with its sender and the time it arrived.
export function message(entry) {
  const at = new Date(entry.at);
  const time = element("time", "stamp", clock(at));
  time.dateTime = entry.at;
  time.title = full(at);
  const icon = element("img", "avatar");
  Object.assign(icon, { src: "/icon.svg", alt: "", width: 36, height: 36 });
  const sender = element("p", "sender", element("strong", "", "Testmo Notifier"), element("span", "badge", "APP"), ...place(entry), time);
  const drawn = blocks(entry.payload);
  const article = element("article", "message", icon, element("div", "words", sender, ...drawn));
  article.setAttribute("aria-label", `Slack message, ${clock(at)}: ${title(entry.payload)}`);
  return article;
}

// Where a bot put it, if it is no message of its own in the channel.
const place = (entry) => (entry.place ? [element("span", "badge", entry.place)] : []);

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
