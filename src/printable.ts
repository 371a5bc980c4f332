/**
 * Text that is safe to show: control characters, and those that change the direction or appearance
 * of what follows, are written as escapes. So no name or message from a task, an image or a store
 * can move the cursor, end a line, or pass for another.
 */
export function printableText(text: string): string {
  // Most of it is, and long lists of tasks are full of it.
  return ASCII.test(text) ? text : text.replace(UNSAFE, escapeCharacter);
}

/** The same in JSON, which has escapes of its own: nothing is lost. */
export function printableJson(json: string): string {
  if (ASCII_JSON.test(json)) return json;
  return json.replace(UNSAFE_IN_JSON, (unsafe) =>
    [...Array(unsafe.length).keys()].map((at) => codeUnit(unsafe.charCodeAt(at))).join(''),
  );
}

/** Nothing but printable ASCII; in JSON, line ends stand between values. */
const ASCII = /^[ -~]*$/;
const ASCII_JSON = /^[ -~\n]*$/;
/** Categories of Unicode: controls, formats such as bidi, separators of lines and paragraphs. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Line ends between JSON values are not part of them; others below U+0020 are escaped already. */
const UNSAFE_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

const SHORT = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function escapeCharacter(character: string): string {
  return SHORT.get(character) ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

const codeUnit = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;
