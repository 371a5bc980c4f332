/**
 * This process itself: what it was started with, byte for byte, and how it ends. Loaded at every
 * start, so nothing here loads a library.
 */
export { rawArguments, rawEnvironment, rawVariable, workingDirectory } from './caller.ts';
export { exitBy, exitProcess } from './exit.ts';
export {
  closeInheritedDescriptors,
  ignoreInheritedSignals,
  inheritance,
  onSignals,
  unignoredSignals,
} from './inheritance.ts';
export { decodeBytes, encodeText, isPlainText, showText } from './surrogate-escape.ts';
