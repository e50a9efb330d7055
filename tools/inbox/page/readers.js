// Mail as a mail client shows plain text, and events as JSON a person can read.

import { full } from "./dates.js";
import { element, linked } from "./dom.js";

export function mail(entry) {
  const at = new Date(entry.at);
  const date = element("time", "", full(at));
  date.dateTime = entry.at;
  const facts = element("dl", "facts", ...fact("From", entry.sender), ...fact("To", entry.to), ...fact("Date", date));
  const body = element("p", "body", ...linked(entry.body.replace(/\s+$/, "")));
  return element("article", "mail", element("h2", "", entry.subject || "(no subject)"), facts, body, appended(entry));
}

// What Amazon SNS puts below every mail. The link is not one here: there is no such subscription.
function appended(entry) {
  const address = `https://sns.REGION.amazonaws.com/unsubscribe.html?SubscriptionArn=…&Endpoint=${entry.to}`;
  const words = [
    "--\nIf you wish to stop receiving notifications from this topic, please click or visit the link below to unsubscribe:\n",
    element("span", "no-link", address),
    "\n\nPlease do not reply directly to this email.",
  ];
  const told =
    "Added by AWS, not by Testmo Notifier. Whoever opens the link ends the subscription, a mail scanner too, " +
    "unless it was confirmed with AuthenticateOnUnsubscribe.";
  const note = element("figcaption", "", told);
  return element("figure", "appended", element("p", "", ...words), note);
}

export function event(entry) {
  const at = new Date(entry.at);
  const body = parsed(entry.body);
  const facts = element("dl", "facts", ...fact("Attribute", `channel = ${isNews(body) ? "news" : "event"}`), ...fact("Date", full(at)));
  const json = element("pre", "json", ...(body === undefined ? [entry.body] : value(body, "")));
  json.tabIndex = 0; // it scrolls, so the keyboard must get there
  return element("article", "event", element("h2", "", eventTitle(entry)), facts, json);
}

export function eventTitle(entry) {
  const body = parsed(entry.body);
  const counts = Object.entries(body?.counts ?? {}).map(([status, n]) => `${n} ${status}`);
  return [isNews(body) ? body.about : counts.join(", "), body?.run?.name].filter(Boolean).join(": ") || "Event";
}

// Recoveries and ends have a channel of their own.
const isNews = (body) => ["recovered", "finished"].includes(body?.about);

export function eventSnippet(entry) {
  const body = parsed(entry.body);
  return [`schema ${body?.schema ?? "?"}`, body?.run?.id ? `run ${body.run.id}` : "", body?.id ?? ""].filter(Boolean).join(" · ");
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fact(name, content) {
  return [element("dt", "", name), element("dd", "", content)];
}

// A value in JSON's own notation, two spaces a level, as text and spans.
function value(given, indent) {
  if (given === null || typeof given !== "object") return [scalar(given)];
  const isList = Array.isArray(given);
  const items = Object.entries(given);
  if (!items.length) return [isList ? "[]" : "{}"];
  const inner = `${indent}  `;
  const lines = items.flatMap(([key, item], index) => [
    `${index ? "," : ""}\n${inner}`,
    ...(isList ? [] : [element("span", "key", JSON.stringify(key)), ": "]),
    ...value(item, inner),
  ]);
  return [isList ? "[" : "{", ...lines, `\n${indent}${isList ? "]" : "}"}`];
}

function scalar(given) {
  const text = JSON.stringify(given);
  if (typeof given === "string") return element("span", "string", ...linked(text));
  return element("span", "literal", text);
}
