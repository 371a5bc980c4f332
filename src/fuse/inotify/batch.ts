/**
 * What the server sends the notifier: changes to be repeated through the mount, one batch a line
 * of JSON. Names are latin1 text of their raw bytes; a directory is a key of `paths`.
 */
export interface Batch {
  /** Of the first group; each after it has the next. */
  readonly number: number;
  /** From the root of the mount to the directories of the replays. */
  readonly paths: Readonly<Record<string, string>>;
  /** In order. No group is about a name twice, so that a name says which replay is being made. */
  readonly groups: readonly (readonly Replay[])[];
}

/** A name in a directory, by its node's number. */
export interface ReplayPlace {
  readonly directory: number;
  readonly name: string;
}

/** What happened to one name: in this order. */
export interface FileReplay {
  readonly kind: 'file';
  readonly at: ReplayPlace;
  /** The type bits of its mode, S_IFMT. */
  readonly type: number;
  readonly created: boolean;
  readonly modified: boolean;
  readonly attributes: boolean;
  readonly closed: boolean;
}

export interface DeleteReplay {
  readonly kind: 'delete';
  readonly at: ReplayPlace;
  readonly type: number;
}

/** A rename; a half that is missing lies where nobody watches. */
export interface MoveReplay {
  readonly kind: 'move';
  readonly from: ReplayPlace | undefined;
  readonly to: ReplayPlace | undefined;
  readonly type: number;
}

export type Replay = FileReplay | DeleteReplay | MoveReplay;

export const isSame = (one: ReplayPlace | undefined, other: ReplayPlace): boolean =>
  one !== undefined && one.directory === other.directory && one.name === other.name;

/** A name in a directory as one text, as a key of maps. */
export const keyOf = ({ directory, name }: ReplayPlace): string => `${directory}/${name}`;

/** Whether a replay leaves the name as it is. */
export const isTouch = (replay: Replay): boolean => replay.kind === 'file' && !replay.created;

/** The names that a replay is about. */
export const placesOf = (replay: Replay): ReplayPlace[] =>
  replay.kind === 'move'
    ? [replay.from, replay.to].filter((half) => half !== undefined)
    : [replay.at];

/** What is left of a replay that is not about this name any more: the other half of a rename. */
export function withoutPlace(replay: Replay, place: ReplayPlace): MoveReplay | undefined {
  if (replay.kind !== 'move') return undefined;
  const from = isSame(replay.from, place) ? undefined : replay.from;
  const to = isSame(replay.to, place) ? undefined : replay.to;
  return from || to ? { ...replay, from, to } : undefined;
}

/** The same replays in the same order, in as few groups as there can be. */
export function groupsOf(replays: readonly Replay[]): Replay[][] {
  const groups: Replay[][] = [];
  let names = new Set<string>();
  for (const replay of replays) {
    const keys = placesOf(replay).map(keyOf);
    const last = groups.at(-1);
    if (last && !keys.some((key) => names.has(key))) {
      last.push(replay);
    } else {
      groups.push([replay]);
      names = new Set();
    }
    for (const key of keys) names.add(key);
  }
  return groups;
}

/**
 * A directory that exists for the notifier alone: what it moves comes from there or goes there. The
 * name in it is the number of the replay in its group, from 0.
 */
export const ELSEWHERE = '.taskfs-elsewhere';
/** The notifier asks for this attribute of the root, with a group's number, when that is done. */
export const DONE = 'user.taskfs.replayed.';
