// The list at the side: newest first, one row for each thing that arrived.

import { clock, full } from "./dates.js";
import { element } from "./dom.js";
import { eventSnippet, eventTitle } from "./readers.js";
import { headline, snippet } from "./slack.js";

const KINDS = { slack: "Slack", email: "Mail", event: "Event" };

export function summary(entry) {
  if (entry.kind === "slack") return { title: headline(entry), snippet: entry.post?.is_deleted ? "" : snippet(entry.payload) };
  if (entry.kind === "email") return { title: entry.subject, snippet: entry.body.split("\n").slice(1, 2).join("") };
  return { title: eventTitle(entry), snippet: eventSnippet(entry) };
}

export function row(entry) {
  const at = new Date(entry.at);
  const time = element("time", "", clock(at));
  time.dateTime = entry.at;
  time.title = full(at);
  const kind = entry.post?.thread_ts ? "Slack, in a thread" : KINDS[entry.kind];
  const head = element("span", "row-head", element("span", `kind kind-${entry.kind}`, kind), time);
  const anchor = element("a", "row", head, element("span", "row-title"), element("span", "row-snippet"));
  anchor.href = `#${entry.number}`;
  anchor.tabIndex = -1; // the list is one stop of the Tab key; the page says which row it is
  const item = element("li", "", anchor);
  item.value = entry.number;
  entitle(item, entry);
  return item;
}

// What a row says of an entry, as it is now.
export function entitle(item, entry) {
  const { title, snippet: second } = summary(entry);
  item.querySelector(".row-title").textContent = title;
  item.querySelector(".row-snippet").textContent = second;
}

export const spoken = (entry) => `New in ${KINDS[entry.kind]}: ${summary(entry).title}`;
