import { TaskfsError } from '../../../errors.ts';

/** Characters of image references; which of them may stand where, the engine knows better. */
const REFERENCE = /^[\w.:@+-]+(\/[\w.:@+-]+)*$/;

/**
 * A name as the engine's API can take it in a path. Throws `usage` for what no image can be
 * called: the path would lead elsewhere.
 */
export function assertImageName(image: string): void {
  const steps = image.split('/');
  if (REFERENCE.test(image) && !steps.includes('.') && !steps.includes('..')) return;
  throw new TaskfsError('usage', `'${image}' cannot be the name of an image`, {
    hint:
      "It looks like 'node:24' or 'registry.example/team/image:tag'; " +
      "'docker images' lists what is there.",
  });
}

/** The name with a tag: without one, an engine that fetches would fetch all of them. */
export function withTag(image: string): string {
  const isTagged = /[:@]/.test(image.slice(image.lastIndexOf('/') + 1));
  return isTagged ? image : `${image}:latest`;
}
