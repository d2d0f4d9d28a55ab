/**
 * The grammar of coded values: first a format byte, then one value. `values.ts` writes it, `values_read.ts` reads it.
 *
 * A value is a tag byte and what belongs to it. `v` is a length or count, seven bits a byte, least first; all else is little-endian.
 * Objects are numbered in the order of their tags (arrays, plain objects, Map, Set, Date, RegExp, boxes, buffers, views, errors), so
 * that a later REFERENCE can name one.
 */

/** Format bytes: without and with REFERENCEs, so that the reader of the former need not remember its objects. */
export const PLAIN = 1;
export const WITH_REFERENCES = 2;

/** Added to these where KEPT tags follow. */
export const HAS_KEPT = 4;
/**
 * Before a value whose task has kept ones: v 0, or 1 + the number of the buffer that the value is in; v how many; of each v its first buffer and v how many
 * it has.
 */
export const KEPT_TABLE = 3;

export const UNDEFINED = 0;
export const NULL = 1;
export const FALSE = 2;
export const TRUE = 3;
/** i16, i32, f64. */
export const INT16 = 4;
export const INT32 = 5;
export const FLOAT64 = 6;
/** i64, or a sign byte (1: negative), v and so many hexadecimal digits. */
export const BIGINT64 = 7;
export const BIGINT = 8;
/** u32 of bytes (UTF16: of units of two bytes), text. LARGE_STRING: its UTF-8 is the next buffer. */
export const ASCII = 9;
export const UTF8 = 10;
export const UTF16 = 11;
export const LARGE_STRING = 12;
/** v, so many values, HOLE where there is none. */
export const ARRAY = 13;
export const HOLE = 14;
/** v length, v count, pairs of v index and value. */
export const SPARSE_ARRAY = 15;
/** v, so many pairs of string and value. */
export const OBJECT = 16;
/** v, so many pairs of values. */
export const MAP = 17;
/** v, so many values. */
export const SET = 18;
/** f64, milliseconds. */
export const DATE = 19;
/** Two strings. */
export const REGEXP = 20;
/** A primitive value. */
export const BOXED = 21;
/** v, bytes. LARGE_BUFFER: the next buffer. */
export const BUFFER = 22;
export const LARGE_BUFFER = 23;
/** Class byte, v offset, v bytes, a buffer (or a reference to one). */
export const VIEW = 24;
/** A view that shares with none. Class byte, v, bytes. LARGE_VIEW: class byte, the next buffer. */
export const OWN_VIEW = 25;
export const LARGE_VIEW = 26;
/** Class byte, name, message, stack (strings, the latter two or undefined), pairs of string and value, undefined. */
export const ERROR = 27;
/** v. */
export const REFERENCE = 28;
/** v: which of the task's kept values stands here. */
export const KEPT = 29;

/** 0x40 … 0x7f: ASCII text of 0 … 63 bytes, which follow. */
export const SHORT_ASCII = 0x40;
/** 0x80 … 0xff: the integers from −16 to 111. */
export const SMALL_INT = 0x80;
export const SMALL_INT_LEAST = -16;
export const SMALL_INT_MOST = 111;

/** Places in ERROR_CLASSES that need care. */
export const AGGREGATE_ERROR = 7;
export const DOM_EXCEPTION = 8;

/** Deepest nesting in both directions: well inside the stack of a Worker. */
export const MAX_DEPTH = 2000;
/** Longest BigInt, in hexadecimal digits (2^24 bits). */
export const MAX_BIGINT_DIGITS = 1 << 22;
