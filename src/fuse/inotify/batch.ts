/**
 * What the server tells the notifier: changes to be repeated through the mount, one batch a line
 * of JSON. Names are latin1 text of their raw bytes; a directory is a key of `paths`.
 */
export interface Batch {
  readonly number: number;
  /** From the root of the mount to the directories of the replays. */
  readonly paths: Readonly<Record<string, string>>;
  readonly replays: readonly Replay[];
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

/** The names that a replay is about. */
export const placesOf = (replay: Replay): ReplayPlace[] =>
  replay.kind === 'move'
    ? [replay.from, replay.to].filter((half) => half !== undefined)
    : [replay.at];

/** Whether a replay makes, moves or removes this name. */
export function isAbout(replay: Replay, place: ReplayPlace): boolean {
  if (replay.kind === 'move') return isSame(replay.from, place) || isSame(replay.to, place);
  return isSame(replay.at, place) && (replay.kind === 'delete' || replay.created);
}

/** A directory that exists for the notifier alone: what it moves comes from there or goes there. */
export const ELSEWHERE = '.taskfs-elsewhere';
/** The name in it. */
export const ELSEWHERE_NAME = 'x';
/** The notifier asks for this attribute of the root, with a batch's number, when that is done. */
export const DONE = 'user.taskfs.replayed.';
