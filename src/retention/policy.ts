import { TaskfsError } from '../errors.ts';
import { changeSetting, readSetting, type Store } from '../store/index.ts';
import { type Selector, selectorKey } from './selector.ts';

/** The calendar's periods, of which the last task each can be kept. */
export const PERIODS = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type Period = (typeof PERIODS)[number];

/** What a rule keeps: a task that one of these keeps, it keeps. */
export type Keep = Readonly<Partial<Record<Period, number>>> & {
  /** So many of the newest. */
  readonly last?: number;
  /** Sealed in so many milliseconds before the newest of the rule's tasks. */
  readonly withinMs?: number;
  /** Sealed in so many milliseconds before now. */
  readonly newerThanMs?: number;
};

/** Some tasks, and what is kept of them. */
export interface Rule {
  readonly select: Selector;
  readonly keep: Keep;
}

/**
 * What is kept of a store. A task is removed where a rule is about it and none keeps it, or where
 * it is beyond a limit, whatever the rules say. Pinned tasks stay.
 */
export interface Policy {
  readonly rules: readonly Rule[];
  /** What was sealed longer ago than this goes; milliseconds. */
  readonly maxAgeMs?: number;
  /** The oldest go until the archives take no more than this; bytes. */
  readonly maxBytes?: number;
  /** Whether each task that ends applies it. */
  readonly auto?: boolean;
}

/** Whether a policy removes nothing, whatever there is. */
export const isEmpty = ({ rules, maxAgeMs, maxBytes }: Policy): boolean =>
  rules.length === 0 && maxAgeMs === undefined && maxBytes === undefined;

const SETTING = 'retention';

/** The store's policy; undefined where none is set. Throws `damaged`. */
export function readPolicy(store: Store): Policy | undefined {
  const value = readSetting(store, SETTING);
  if (value === undefined) return undefined;
  if (isPolicy(value)) return value;
  throw new TaskfsError('damaged', `the policy in ${store.path}/store.json cannot be read`, {
    hint: "'taskfs policy clear' removes it; nothing is removed by it meanwhile.",
  });
}

/**
 * Sets the store's policy, or removes it with undefined. Throws `usage` for what is none,
 * `damaged`.
 */
export function writePolicy(store: Store, policy: Policy | undefined): void {
  if (policy !== undefined) assertPolicy(policy);
  changeSetting(store, SETTING, () => policy);
}

function assertPolicy(policy: Policy): void {
  if (isPolicy(policy)) return;
  throw new TaskfsError('usage', `not a policy: ${JSON.stringify(policy)}`, {
    hint: 'docs/retention.md says what its rules can select and keep.',
  });
}

/**
 * Changes the store's policy, and returns it: each rule of `change` stands in the place of the one
 * that is about the same tasks, if there is one; its limits, and `auto`, replace those before.
 * Throws `usage` for what is none, `damaged`.
 */
export function changePolicy(store: Store, { rules, ...others }: Policy): Policy {
  return replacePolicy(store, (before) => rules.reduce(withRule, { ...before, ...others }));
}

/**
 * Removes the rule about the tasks that `select` names from the store's policy, and returns that.
 * Throws `not-found` where no rule is about these, `damaged`.
 */
export function removeRule(store: Store, select: Selector): Policy {
  return replacePolicy(store, (before) => {
    const policy = withoutRule(before, select);
    if (policy.rules.length < before.rules.length) return policy;
    throw new TaskfsError('not-found', `no rule is about ${selectorKey(select)}`, {
      hint: "'taskfs policy' shows all rules.",
    });
  });
}

/** Replaces the policy by what is made of the one before, which nobody changes meanwhile. */
function replacePolicy(store: Store, make: (before: Policy) => Policy): Policy {
  let policy: Policy = { rules: [] };
  changeSetting(store, SETTING, () => {
    policy = make(readPolicy(store) ?? policy);
    assertPolicy(policy);
    return policy;
  });
  return policy;
}

/** A policy with a rule in the place of the one that is about the same tasks, if there is one. */
function withRule(policy: Policy, rule: Rule): Policy {
  return { ...policy, rules: [...withoutRule(policy, rule.select).rules, rule] };
}

/** A policy without the rule that is about these tasks. */
function withoutRule(policy: Policy, select: Selector): Policy {
  const key = selectorKey(select);
  return { ...policy, rules: policy.rules.filter((rule) => selectorKey(rule.select) !== key) };
}

/** Whether a value read from a file is one: what is not understood must remove nothing. */
function isPolicy(value: unknown): value is Policy {
  const { rules, maxAgeMs, maxBytes } = Object(value) as Record<string, unknown>;
  if (!Array.isArray(rules) || !isCount(maxAgeMs) || !isCount(maxBytes)) return false;
  return rules.every(({ select, keep }) => isSelector(select) && isKeep(keep));
}

function isSelector(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(value).every((name) => ['status', 'name', 'labels'].includes(name));
}

const KEEPS: readonly string[] = [...PERIODS, 'last', 'withinMs', 'newerThanMs'];

function isKeep(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(([name, count]) => KEEPS.includes(name) && isCount(count));
}

const isCount = (value: unknown): boolean =>
  value === undefined || (typeof value === 'number' && value >= 0);
