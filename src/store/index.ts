/**
 * The store on disk, and the only code that knows its layout: paths, records and their states,
 * events, locks, keys. Archives, engines and mounts do not enter.
 */
export { type Anchor, handToAnchor, readAnchor, writeAnchor } from './anchor.ts';
export { type ArtifactType, TYPE_BITS, typeOfMode } from './artifact-type.ts';
export {
  EDITOR_FILE_XATTR,
  isEditorFileName,
  isEmacsLock,
  isMarkedName,
  isRemovedFileName,
  isTrashInfoName,
  isTrashName,
  markEditorFile,
} from './editor-files.ts';
export { listLeftEdits, makeEditDirectory } from './edits.ts';
export { appendEvent, forgetNames, readEvents, type TaskEvent } from './events.ts';
export { parseGroupName, readGroups, writeGroups } from './groups.ts';
export {
  isProtected,
  loadIdentities,
  loadOwnIdentities,
  plainIdentities,
  writeIdentities,
} from './identities.ts';
export { hasKeys, keyPaths, readKeyText } from './key-files.ts';
export {
  assertHasKeys,
  assertNothingSealed,
  createKeys,
  createSealingKeys,
  ensureKeys,
  ensureSealingKeys,
} from './keys.ts';
export { adoptLock, isLocked, type Lock, takeLock, takeLockBlocking } from './lock.ts';
export { LogTimes, openLogTimes } from './log-times.ts';
export {
  isBeingRemoved,
  isOnEndOffered,
  isPinned,
  noteRemoval,
  offerOnEnd,
  pin,
  unpin,
  withdrawOnEnd,
} from './markers.ts';
export {
  isOwnXattr,
  OWN_XATTR_PREFIX,
  replaceShownStatus,
  withoutOwnXattrs,
} from './own-xattrs.ts';
export {
  asideName,
  DIRECT_WRITERS,
  listTasks,
  listUnsealedTasks,
  type Store,
  storeAt,
  type TaskPaths,
  taskOfStaging,
  taskPaths,
} from './paths.ts';
export {
  type LabelledRecipient,
  listLeaving,
  listRecipients,
  listTaskRecipients,
  loadRecipients,
  parseRecipient,
  recipientsOf,
  writeRecipients,
  writeTaskRecipients,
} from './recipients.ts';
export {
  type Attempt,
  commandOf,
  createRecord,
  cwdOf,
  newRecord,
  type OnEnd,
  type ReasonKind,
  readRecord,
  replaceRecord,
  type SealedPart,
  type Supervisor,
  type TaskRecord,
  type TaskSpec,
  taskSpec,
} from './record.ts';
export { RecordCache } from './record-cache.ts';
export { findStaging, putBack, setAside, trySetAside } from './set-aside.ts';
export { createSigningKey, loadSigningKey, loadVerifyingKey } from './signing-key.ts';
export {
  createInStaging,
  leadsOut,
  noSuchArtifact,
  parseArtifactPath,
  pinInStaging,
  reopenForReading,
  showPath,
  stagingPath,
} from './staging.ts';
export { type Artifacts, isFinal, type Status } from './status.ts';
export {
  changeSetting,
  createStore,
  openStore,
  readSetting,
  STORE_FORMAT,
  storeExists,
  storePath,
} from './store.ts';
export { isTaskName, makeTaskName, parseTaskName, type TaskName } from './task-name.ts';
export { absolutePath, absoluteTextPath, homeDirectory } from './user-path.ts';
