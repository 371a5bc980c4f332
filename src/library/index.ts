/**
 * The library, `import … from 'taskfs'`: start tasks, follow them, read their files, mount them.
 * What is exported here is the package's interface (docs/library.md); each name calls the folders
 * below, as the command line does. Nothing in src/ imports it.
 */
export type { Extracted } from '../agents-runner/index.ts';
export type {
  AnchorState,
  Finding as Damage,
  FindingKind as DamageKind,
} from '../archive/index.ts';
export type { Reindexed, Rewrapped } from '../archive/maintain/index.ts';
export type { TaskSizes } from '../artifacts/index.ts';
export type { Finding } from '../doctor/index.ts';
export { type ErrorKind, TaskfsError } from '../errors.ts';
export type { Grouping, MountView } from '../fs/index.ts';
export type { Decision, Keep, Period, Policy, Rule, Selector } from '../retention/index.ts';
export {
  type Group,
  type Recovery,
  type Removals,
  type StoreFacts,
  sortTasks,
  type TaskOrder,
  type TaskView,
  type Usage,
} from '../runner/index.ts';
export { type ServiceStatus, serviceStatus } from '../service/index.ts';
export type {
  Anchor,
  Artifacts,
  ArtifactType,
  Attempt,
  LabelledRecipient,
  OnEnd,
  ReasonKind,
  SealedPart,
  Status,
  Store as StorePaths,
  Supervisor,
  TaskEvent,
  TaskName,
  TaskRecord,
  TaskSpec,
} from '../store/index.ts';
export {
  type AgentsRunnerOptions,
  type ExtractOptions,
  extractAgentsRunner,
  extractShared,
  type ImportOptions,
  importAgentsRunner,
  importDirectory,
  type ReceiveOptions,
  receive,
  type SharedFacts,
} from './copying.ts';
export type { ExecEnd, ExecOptions } from './exec.ts';
export {
  addKey,
  type KeyOptions,
  listKeys,
  removeKey,
  replaceRecovery,
  rotateKey,
} from './keys.ts';
export {
  type DoctorOptions,
  doctor,
  installService,
  removeService,
  removeThumbnails,
  type ServiceOptions,
} from './machine.ts';
export { type Mount, type MountOptions, mount } from './mount.ts';
export { type RunOptions, rerun, run } from './run.ts';
export {
  changePolicy,
  getAnchor,
  getPolicy,
  listGroups,
  removeGroup,
  removePolicyRule,
  setAnchor,
  setGroup,
  setPolicy,
} from './settings.ts';
export {
  type EventsOptions,
  events,
  info,
  listTasks,
  openStore,
  type Pruned,
  type PruneOptions,
  prune,
  recover,
  type Store,
  type StoreOptions,
  taskSizes,
} from './store.ts';
export type { LogOptions } from './streams.ts';
export {
  type ArtifactInfo,
  type CopyOptions,
  type DirectoryInfo,
  openTask,
  type SealOptions,
  type Task,
  type Transferred,
} from './task.ts';
export { type VerifyOptions, verify } from './verify.ts';
