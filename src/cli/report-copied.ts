import type { Copied } from '../artifacts/index.ts';
import { jsonPath, printableName } from '../watch/index.ts';
import { say } from './output.ts';

type LeftOut = Copied['skipped'][number];

/** Names what a copy left out, and why. */
export function sayWhatIsMissing({ skipped, bare, withoutSetId }: Copied): void {
  for (const each of skipped) sayLeftOut(each);
  for (const path of bare) {
    say(
      `Without its attributes: ${printableName(path)}: the file system there does not take them.`,
    );
  }
  for (const path of withoutSetId) {
    say(`Without set-user-ID or set-group-ID: ${printableName(path)}: --keep-setid keeps it.`);
  }
}

export const sayLeftOut = ({ path, type }: LeftOut): void =>
  say(`Left out: ${printableName(path)} is a ${type}.`);

/** What a copy did, for `--json`. */
export function describeCopied({ files, bytes, skipped, bare, withoutSetId }: Copied): object {
  return {
    files,
    bytes,
    skipped: skipped.map(({ path, type }) => ({ ...jsonPath(path), type })),
    withoutAttributes: bare.map(jsonPath),
    withoutSetId: withoutSetId.map(jsonPath),
  };
}
