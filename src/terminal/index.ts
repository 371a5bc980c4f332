/**
 * A terminal: what it can show, a screen that is drawn by differences, keys and the mouse, styled
 * lines, pictures. What is shown does not enter.
 */
export { type Charset, charsetOf } from './charset.ts';
export { copySequence } from './clipboard.ts';
export { fitTo } from './fit.ts';
export { askTerminal, type Graphics, type TerminalAnswers } from './graphics.ts';
export { type Input, InputDecoder } from './keys.ts';
export { lookOf } from './look.ts';
export { halfBlocks } from './pictures/half-blocks.ts';
export { itermPicture } from './pictures/iterm.ts';
export { kittyPicture } from './pictures/kitty.ts';
export type { Raster } from './pictures/raster.ts';
export { sixelPicture } from './pictures/sixel.ts';
export { Screen } from './screen.ts';
export {
  fitLine,
  type Look,
  paintLine,
  type Span,
  type Style,
  type StyledLine,
  widthOfLine,
} from './styled.ts';
