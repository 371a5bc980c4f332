import { explain } from '../errors.ts';
import { assertCanMount, chooseLiveMode, DEFAULT_DRIVER } from '../server/index.ts';
import { openStore, type Store, storeExists } from '../store/index.ts';
import { type Finding, good, note, valueOrFinding } from './finding.ts';
import { fixStore } from './fixes.ts';
import { checkMounts } from './mount-checks.ts';
import { commandsForEngine, commandsForMounting, commandsForOthers } from './root-commands.ts';
import { checkStore } from './store-checks.ts';

/** What is done besides looking. */
export interface Treatment {
  /** Puts right what the user may: see `fixStore`. */
  readonly fix?: boolean | undefined;
  /** Removes thumbnails of files that are not live any more; left out: as `fix`. */
  readonly thumbnails?: boolean | undefined;
  /** Takes what goes wrong while something is put right. */
  readonly say?: ((words: string) => void) | undefined;
}

/**
 * Checks everything that taskfs needs of the machine, the store at a path and its mounts, and
 * unmounts dead ones. What was put right comes first. Throws where the store cannot be opened even
 * when it was put right.
 */
export async function examine(
  path: string,
  { fix = false, thumbnails = fix, say }: Treatment = {},
): Promise<Finding[]> {
  const fixed = fix ? await fixStore(path, say) : [];
  return [...fixed, ...(await runChecks(path, thumbnails))];
}

/** Throws nothing that it can report. */
async function runChecks(path: string, thumbnails: boolean): Promise<Finding[]> {
  const opened = storeExists(path) ? valueOrFinding('store', () => openStore(path)) : undefined;
  const store = opened && 'path' in opened ? opened : undefined;
  return [
    good('node', process.version),
    checkMounting(store),
    ...checkOthers(),
    describeStore(path, opened),
    ...(store ? checkStore(store, thumbnails) : []),
    ...(await checkMounts(path)),
    await checkEngine(),
  ];
}

function checkMounting(store: Store | undefined): Finding {
  const checked = valueOrFinding('mounting', () => {
    assertCanMount(DEFAULT_DRIVER);
    const live = store ? `; ${liveModeFor(store)}` : '';
    return good('mounting', `works, with the driver '${DEFAULT_DRIVER}'${live}`);
  });
  if (checked.verdict === 'good') return checked;
  return { ...checked, commands: commandsForMounting(checked.says) };
}

function checkOthers(): Finding[] {
  const commands = commandsForOthers();
  if (!commands) return [];
  return [{ ...note('others', 'only root may mount with --allow-other here'), commands }];
}

function liveModeFor(store: Store): string {
  const options = { readOnly: false, nosymfollow: false };
  const { mode, why } = chooseLiveMode(store, 'auto', DEFAULT_DRIVER, options);
  return `live/ is shown by ${mode}: ${why}`;
}

function describeStore(path: string, store: Store | Finding | undefined): Finding {
  if (store === undefined)
    return note('store', `there is none in ${path} yet; 'taskfs init' creates it`);
  return 'verdict' in store ? store : good('store', store.path);
}

async function checkEngine(): Promise<Finding> {
  const { connect, findEndpoints } = await import('../runner/engines/docker/index.ts');
  let endpoints: ReturnType<typeof findEndpoints> = [];
  try {
    endpoints = findEndpoints();
    const { endpoint } = await connect(endpoints);
    return good('containers', `an engine answers at ${endpoint.host}`);
  } catch (error) {
    const found = note('containers', `tasks run as local processes only: ${explain(error)}`);
    const sockets = endpoints.map(({ host }) => host.replace(/^unix:\/\//, ''));
    return { ...found, commands: sockets.flatMap(commandsForEngine) };
  }
}
