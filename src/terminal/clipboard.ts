/**
 * What puts a text into the clipboard of the person at the terminal, also over ssh: OSC 52 of
 * xterm. tmux hands on only what it is asked to pass through; a terminal that does not know the
 * one ignores it, and gets the other.
 */
export function copySequence(text: Buffer, { TMUX }: NodeJS.ProcessEnv): string {
  const copy = `\x1b]52;c;${text.toString('base64')}\x07`;
  return TMUX ? `${copy}\x1bPtmux;${copy.replaceAll('\x1b', '\x1b\x1b')}\x1b\\` : copy;
}
