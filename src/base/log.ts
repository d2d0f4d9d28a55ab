/**
 * Logs: one line per event, `time level name text key=value …`, or one JSON object per line.
 *
 * Written by hand and not on a logging library: the one that we tried (LogTape) adds 14 ms to the start of every process, as much
 * as all our own modules together, for sinks and filters that nobody here uses. This file and `cli/` are the only doors to `console`.
 */

/** How grave a line is. A logger writes its own level and everything graver. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a line says beside its text. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines. Hand it on to parts that log; `with` gives a part its own fields. */
export interface Logger {
  debug(text: string, fields?: LogFields): void;
  info(text: string, fields?: LogFields): void;
  warn(text: string, fields?: LogFields): void;
  error(text: string, fields?: LogFields): void;
  /** A logger that adds these fields to each of its lines. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** Default `info`. */
  readonly level?: LogLevel | undefined;
  /** Takes one line without its line end. Default: the standard error stream. */
  readonly write?: ((line: string) => void) | undefined;
  /** Which program speaks: `hub`, `scheduler`, `engine`. */
  readonly name?: string | undefined;
  /** Default `text`. */
  readonly format?: "text" | "json" | undefined;
  /** Milliseconds since 1970. Default: the wall clock. */
  readonly clock?: (() => number) | undefined;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warn: 30, error: 40 };

/** Most characters of one field's text; the rest is cut. */
const MAX_FIELD_CHARACTERS = 8192;

/** Makes a logger. Nothing that is logged can make it throw, `write` apart. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const {
    level = "info",
    write = (line) => console.error(line),
    name = "",
    format = "text",
    clock = Date.now,
  } = options;
  return loggerWith({}, {
    least: RANK[level],
    put: (level, text, fields) => {
      const time = new Date(clock()).toISOString();
      write(
        format === "json"
          ? jsonLine(time, level, name, text, fields)
          : textLine(time, level, name, text, fields),
      );
    },
  });
}

/** A logger that writes nothing. */
export function silentLogger(): Logger {
  return loggerWith({}, { least: Infinity, put: () => {} });
}

/**
 * Reads a level as users write it: our names, Python's (`WARNING`, `CRITICAL`) or its numbers (10, 20, 30, 40).
 * @throws RangeError if it is none of these
 */
export function parseLogLevel(text: string): LogLevel {
  const word = text.trim().toLowerCase();
  const rank = Number(word);
  if (word !== "" && Number.isFinite(rank)) return levelOfRank(rank);
  if (word === "warning") return "warn";
  if (word === "critical" || word === "fatal") return "error";
  if (word === "debug" || word === "info" || word === "warn" || word === "error") return word;
  throw new RangeError(`Cannot read log level "${text}": it is debug, info, warn, error or a number like 10`);
}

function levelOfRank(rank: number): LogLevel {
  if (rank <= RANK.debug) return "debug";
  if (rank <= RANK.info) return "info";
  return rank <= RANK.warn ? "warn" : "error";
}

interface Sink {
  readonly least: number;
  readonly put: (level: LogLevel, text: string, fields: LogFields) => void;
}

function loggerWith(own: LogFields, sink: Sink): Logger {
  const at = (level: LogLevel) => (text: string, fields?: LogFields) => {
    if (RANK[level] >= sink.least) sink.put(level, text, fields === undefined ? own : { ...own, ...fields });
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: (fields) => loggerWith({ ...own, ...fields }, sink),
  };
}

function textLine(time: string, level: LogLevel, name: string, text: string, fields: LogFields): string {
  let line = `${time} ${level}`;
  if (name !== "") line += ` ${name}`;
  line += ` ${oneLine(text)}`;
  for (const key of Object.keys(fields)) {
    const value = fields[key];
    if (value !== undefined) line += ` ${key}=${quoted(fieldText(value))}`;
  }
  return line;
}

function jsonLine(time: string, level: LogLevel, name: string, text: string, fields: LogFields): string {
  const line: Record<string, unknown> = { time, level, name, text };
  for (const key of Object.keys(fields)) {
    const value = fields[key];
    const plain = typeof value === "number" || typeof value === "boolean" || value === null;
    if (value !== undefined) line[key in line ? `${key}_` : key] = plain ? value : fieldText(value);
  }
  return JSON.stringify(line);
}

/** A value as text; what cannot be shown says so instead of throwing. */
function fieldText(value: unknown): string {
  let text: string;
  try {
    text = rawText(value);
  } catch {
    text = "(cannot be shown)";
  }
  return text.length > MAX_FIELD_CHARACTERS ? text.slice(0, MAX_FIELD_CHARACTERS) + "…" : text;
}

function rawText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) {
    const cause = value.cause === undefined ? "" : ` (${fieldText(value.cause)})`;
    return `${value.name}: ${value.message}${cause}`;
  }
  if (typeof value === "object" && value !== null) {
    return JSON.stringify(value, (_, v) => typeof v === "bigint" ? String(v) : v) ?? String(value);
  }
  return String(value);
}

/** Text as it stands if that is unmistakable, else as a JSON string. */
function quoted(text: string): string {
  return /^[^\s"=\\\p{Cc}\p{Zl}\p{Zp}]+$/u.test(text) ? text : oneLine(JSON.stringify(text));
}

/** The same text without anything that could pass for a second line or drive a terminal. */
function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
