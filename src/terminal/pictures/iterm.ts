/**
 * A PNG as an inline image of iTerm2 (https://iterm2.com/documentation-images.html), in its own
 * size. The cursor ends below it.
 */
export function itermPicture(png: Uint8Array): string {
  const data = Buffer.from(png).toString('base64');
  return `\x1b]1337;File=inline=1;size=${png.length}:${data}\x07\n`;
}
