// Slack's markup as elements. https://docs.slack.dev/messaging/formatting-message-text

import { full, written } from "./dates.js";
import { element, link, linked } from "./dom.js";

// A mark counts only where no letter touches its outside and something to show its inside. tools/lib/blocks.py reads the same rules for the terminal.
const TOKEN = new RegExp(
  [
    String.raw`<(?<angle>[^<>\n]+)>`,
    String.raw`(?<![\p{L}\p{N}_*])\*(?<bold>[^\s\u200b](?:[^*\n]*[^\s\u200b])?)\*(?![\p{L}\p{N}_*])`,
    String.raw`(?<![\p{L}\p{N}_])_(?<italic>[^\s\u200b](?:[^_\n]*[^\s\u200b])?)_(?![\p{L}\p{N}_])`,
    String.raw`(?<![\p{L}\p{N}_~])~(?<strike>[^\s\u200b](?:[^~\n]*[^\s\u200b])?)~(?![\p{L}\p{N}_~])`,
    "`(?<code>[^`\\n\u200b]+)`",
  ].join("|"),
  "gu",
);
const ELEMENTS = { bold: "strong", italic: "em", strike: "s" };
const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const MAX_DEPTH = 8; // marks within marks

// Only these three are entities there, and each is read once: &amp;lt; is the text &lt;.
export const unescaped = (source) => source.replace(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity]);

// A text with quotes and code blocks, as a list of elements. `verbatim` text has no links but the written ones.
export function mrkdwn(source, verbatim = true) {
  return source.split(/```\n?([^]+?)\n?```/).flatMap((part, index) => {
    if (index % 2) return element("pre", "code-block", unescaped(part));
    return part === "" ? [] : paragraphs(part.replace(index ? /^\n/ : "", ""), verbatim);
  });
}

function paragraphs(source, verbatim) {
  const groups = [];
  for (const line of source.split("\n")) {
    const quoted = /^(?:>|&gt;) ?(.*)$/u.exec(line);
    const last = groups.at(-1);
    const text = quoted ? quoted[1] : line;
    if (last && last.isQuote === Boolean(quoted)) last.lines.push(text);
    else groups.push({ isQuote: Boolean(quoted), lines: [text] });
  }
  return groups.map(({ isQuote, lines }) =>
    element(isQuote ? "blockquote" : "p", "", ...lines.flatMap((line, i) => [i ? "\n" : "", ...inline(line, verbatim)])),
  );
}

function inline(source, verbatim, depth = 0) {
  const leaf = (text) => (verbatim ? [unescaped(text)] : linked(unescaped(text)));
  const parts = [];
  let position = 0;
  for (const token of depth < MAX_DEPTH ? source.matchAll(TOKEN) : []) {
    parts.push(...leaf(source.slice(position, token.index)));
    position = token.index + token[0].length;
    const [kind, text] = Object.entries(token.groups).find(([, value]) => value !== undefined);
    if (kind === "angle") parts.push(angle(text));
    else if (kind === "code") parts.push(element("code", "", unescaped(text)));
    else parts.push(element(ELEMENTS[kind], "", ...inline(text, verbatim, depth + 1)));
  }
  return [...parts, ...leaf(source.slice(position))].filter((part) => part !== "");
}

// What stands between < and >: a date, somebody called, or a link.
function angle(inside) {
  const bar = inside.indexOf("|");
  const target = unescaped(bar < 0 ? inside : inside.slice(0, bar));
  const label = bar < 0 ? "" : unescaped(inside.slice(bar + 1));
  if (target.startsWith("!date^")) {
    const [, seconds, format = "", address] = target.split("^");
    return moment(seconds, format, address, label);
  }
  if (/^[!@#]/.test(target)) {
    const sign = target.startsWith("#") ? "#" : "@";
    const name = target.slice(1).replace(/^subteam\^/, "").split("^")[0];
    return element("span", "mention", label || sign + name); // it would have called people
  }
  return link(target, label || target);
}

export function moment(seconds, format, address, fallback) {
  const at = new Date(Number(seconds) * 1000);
  const text = written(format, at);
  if (text === null) return element("span", "", fallback);
  const made = element("time", "", address ? link(address, text) : text);
  made.dateTime = at.toISOString();
  made.title = full(at);
  return made;
}

// The same text without marks, for lists and titles.
export function plain(source) {
  const texts = mrkdwn(source).map((part) => part.textContent);
  return texts.join(" ").replace(/\s+/g, " ").trim();
}
