// Elements from data. Text becomes text nodes only: nothing that arrives is ever parsed as HTML.

const WEB = /^(https?:\/\/|mailto:)/i;
const ADDRESS = /https?:\/\/[^\s<>"'`|]*[^\s<>"'`|.,;:!?)\]}]/gi;

export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// A link, if the address is one of the web or of mail; otherwise (javascript:, data:) its label alone.
export function link(address, label) {
  if (!WEB.test(address)) return element("span", "no-link", label);
  const made = element("a", "", label);
  made.href = address;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}

// Text with the web addresses in it as links.
export function linked(text) {
  const parts = [];
  let position = 0;
  for (const found of text.matchAll(ADDRESS)) {
    parts.push(text.slice(position, found.index), link(found[0], found[0]));
    position = found.index + found[0].length;
  }
  return [...parts, text.slice(position)];
}

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const objects = (value) => (Array.isArray(value) ? value.filter(isObject) : []);
