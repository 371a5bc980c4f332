/**
 * Which sealed tasks a store keeps: the policy that is set for it, and what it decides. Nothing is
 * removed here; the runner and the command line do that.
 */
export { AGE_IN_DOUBT, type Candidate, type Decision, decide } from './decide.ts';
export {
  changePolicy,
  isEmpty,
  type Keep,
  PERIODS,
  type Period,
  type Policy,
  type Rule,
  readPolicy,
  removeRule,
  writePolicy,
} from './policy.ts';
export { type DatedSeal, judgeSealTimes, type SealTime } from './seal-times.ts';
export { matches, type Selector, selectorKey, selectsAll } from './selector.ts';
