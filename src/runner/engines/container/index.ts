/**
 * What containers have in common, whichever engine runs them: their options and the names of
 * images. What speaks to an engine does not enter.
 */
export { assertImageName } from './image-name.ts';
export {
  type ContainerOptions,
  type Device,
  type PublishedPort,
  readContainerOptions,
  type Tmpfs,
  type Ulimit,
  type Volume,
} from './options.ts';
