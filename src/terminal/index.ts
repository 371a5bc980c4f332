/**
 * A terminal: what it can show, a screen that is drawn by differences, keys and the mouse, styled
 * lines, pictures. What is shown does not enter.
 */

export { type Capabilities, capabilitiesOf } from './capabilities.ts';
export { askTerminal, type Graphics } from './graphics.ts';
export { type Input, InputDecoder } from './keys.ts';

export { halfBlocks, itermPicture, kittyPicture, type Raster, sixelPicture } from './pictures.ts';
export { copySequence, Screen } from './screen.ts';
export {
  fitLine,
  fitTo,
  paintLine,
  type Span,
  type Style,
  type StyledLine,
  widthOfLine,
} from './styled.ts';
