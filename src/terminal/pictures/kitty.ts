/** The protocol lets no more base64 than that into one sequence. */
const CHUNK = 4096;

/**
 * A PNG for kitty's graphics protocol (https://sw.kovidgoyal.net/kitty/graphics-protocol/):
 * transmitted and shown at the cursor (a=T), without an answer (q=2). The cursor ends below it.
 */
export function kittyPicture(png: Uint8Array): string {
  const data = Buffer.from(png).toString('base64');
  let sequence = '';
  for (let at = 0; at < data.length; at += CHUNK) {
    const more = at + CHUNK < data.length ? 1 : 0;
    const keys = at === 0 ? `a=T,f=100,q=2,m=${more}` : `m=${more}`;
    sequence += `\x1b_G${keys};${data.slice(at, at + CHUNK)}\x1b\\`;
  }
  return `${sequence}\n`;
}
