import { styleText } from 'node:util';

export type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold';

/** Colours text where the stream is a terminal and NO_COLOR is not set. */
export function paint(
  colour: Colour,
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return styleText(colour, text, { stream });
}

/** Whether this stream shows colours. */
export function hasColours(stream: NodeJS.WriteStream): boolean {
  return paint('green', 'x', stream) !== 'x';
}
