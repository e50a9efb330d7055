// Rich text as elements: sections, quotes and code blocks, in which nothing is markup.
// https://docs.slack.dev/reference/block-kit/blocks/rich-text-block

import { element, link, objects } from "./dom.js";
import { moment } from "./mrkdwn.js";

const CONTAINERS = { rich_text_section: "p", rich_text_quote: "blockquote", rich_text_preformatted: "pre" };
const STYLES = { code: "code", strike: "s", italic: "em", bold: "strong" };

export function richText(block) {
  return objects(block.elements).map((part) => {
    const name = CONTAINERS[part.type];
    if (!name) return element("p", "unknown", `[${part.type}]`);
    return element(name, name === "pre" ? "code-block" : "", ...objects(part.elements).map(styled));
  });
}

// The first line without styles, for the list.
export function firstLine(block) {
  const words = richText(block).map((part) => part.textContent);
  return words.join("\n").split("\n")[0];
}

function styled(part) {
  let drawn = piece(part);
  for (const [style, name] of Object.entries(STYLES)) if (part.style?.[style] === true) drawn = element(name, "", drawn);
  return drawn;
}

function piece(part) {
  const words = (name) => String(part[name] ?? "");
  switch (part.type) {
    case "text":
      return words("text");
    case "link":
      return link(words("url"), words("text") || words("url"));
    case "date":
      return moment(part.timestamp, words("format"), words("url"), words("fallback"));
    case "emoji":
      return `:${words("name")}:`;
    case "user":
    case "usergroup":
    case "broadcast":
      return element("span", "mention", `@${part.user_id ?? part.usergroup_id ?? part.range}`);
    case "channel":
      return element("span", "mention", `#${part.channel_id}`);
    default:
      return element("span", "unknown", `[${part.type}]`);
  }
}
