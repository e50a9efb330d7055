// Dates as Slack writes them, in the reader's zone and language. "Today" goes by the inbox's clock.

let ahead = 0; // milliseconds by which the inbox's clock is ahead of this machine's

export function setClock(now) {
  ahead = new Date(now).getTime() - Date.now();
}

const DAY_MS = 86_400_000;
const HALF_YEAR_DAYS = 183;

const by = (options) => (moment) => new Intl.DateTimeFormat(undefined, options).format(moment).replace(/\u202f/g, " ");
const timeOf = by({ timeStyle: "short" });
const secondsOf = by({ timeStyle: "medium" });
const numeric = (moment) => {
  const two = (number) => String(number).padStart(2, "0");
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
};

function daysAgo(moment) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  return Math.round((midnight(new Date(Date.now() + ahead)) - midnight(moment)) / DAY_MS);
}

// The year is left out within half a year of today, as Slack does.
const date = (options) => (moment) =>
  by(Math.abs(daysAgo(moment)) < HALF_YEAR_DAYS ? options : { ...options, year: "numeric" })(moment);
const medium = date({ month: "long", day: "numeric" });
const short = date({ month: "short", day: "numeric" });
const long = date({ weekday: "long", month: "long", day: "numeric" });

const pretty = (otherwise) => (moment) =>
  ({ "-1": "tomorrow", 0: "today", 1: "yesterday" })[daysAgo(moment)] ?? otherwise(moment);

// https://docs.slack.dev/messaging/formatting-message-text#date-formatting
const TOKENS = {
  date_num: numeric,
  date: medium,
  date_short: short,
  date_long: long,
  date_pretty: pretty(medium),
  date_short_pretty: pretty(short),
  date_long_pretty: pretty(long),
  time: timeOf,
  time_secs: secondsOf,
};

export const clock = timeOf;
export const full = by({ dateStyle: "full", timeStyle: "long" });
export const day = (moment) => capital(pretty(long)(moment));

// "{date_short_pretty} {time}" for a moment; null if the format says something Slack does not know.
export function written(format, moment) {
  let isKnown = !Number.isNaN(moment.getTime());
  const text = format.replace(/\{(\w+)\}/g, (_, token) => {
    if (isKnown && Object.hasOwn(TOKENS, token)) return TOKENS[token](moment);
    isKnown = false;
    return "";
  });
  return isKnown ? (format.startsWith("{") ? capital(text) : text) : null;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
