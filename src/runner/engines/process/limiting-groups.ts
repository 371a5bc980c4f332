import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { reasonOf, TaskfsError } from '../../../errors.ts';
import {
  enterControlGroup,
  ownControlGroup,
  ownControllerGroups,
  textOrEmpty,
} from '../../../sys/index.ts';
import { type ControlGroup, groupMembers, isWritable } from './cgroup.ts';
import {
  assertEnoughMemory,
  type Controller,
  controllersOf,
  type Limits,
  setLimits,
} from './limits.ts';

/** A control group that limits a run; it has its limits from the first. */
export interface LimitingGroup extends ControlGroup {
  readonly version: 1 | 2;
}

/**
 * The groups that a run with limits needs, not made yet: one of cgroup v2 where that has the
 * controllers, else those of cgroup v1; none where there are no limits. Throws `usage` where they
 * cannot be had.
 */
export function planLimits(name: string, limits: Limits): LimitingGroup[] {
  const controllers = controllersOf(limits);
  if (controllers.length === 0) return [];
  assertEnoughMemory(limits);
  const place = unifiedPlace(controllers);
  if (place !== undefined) return [unifiedGroup(join(place, name), limits)];
  return [...controllerPlaces(controllers)].map(([home, those]) => {
    const path = join(home, name);
    return { version: 1, path, make: () => makeLimited(path, 1, those, limits) };
  });
}

/** Where processes are that were in the way: only groups without any can share their memory out. */
const ASIDE = 'taskfs-callers';

/**
 * The group of cgroup v2 beneath which limits can be set; undefined where it has no controllers.
 */
function unifiedPlace(controllers: readonly Controller[]): string | undefined {
  const own = ownControlGroup();
  if (own === undefined) return undefined;
  const place = basename(own) === ASIDE ? dirname(own) : own;
  const available = textOrEmpty(join(place, 'cgroup.controllers')).split(/\s/);
  const missing = controllers.filter((each) => !available.includes(each));
  if (missing.length === controllers.length && ownControllerGroups().size > 0) return undefined;
  if (missing.length > 0) {
    throw refused(missing, `the control group ${place} has no ${missing.join(', ')} controller`);
  }
  if (!isWritable(place)) throw refused(controllers, `the control group ${place} is not writable`);
  return place;
}

function unifiedGroup(path: string, limits: Limits): LimitingGroup {
  const controllers = controllersOf(limits);
  return {
    version: 2,
    path,
    make() {
      shareOut(dirname(path), controllers);
      makeLimited(path, 2, controllers, limits);
    },
  };
}

function makeLimited(
  path: string,
  version: 1 | 2,
  controllers: readonly Controller[],
  limits: Limits,
): void {
  mkdirSync(path);
  setLimits(path, version, controllers, limits);
}

/** Lets the groups in a group have limits. Throws `usage` where that is not allowed. */
function shareOut(place: string, controllers: readonly Controller[]): void {
  const file = join(place, 'cgroup.subtree_control');
  const enable = (): void => writeFileSync(file, controllers.map((each) => `+${each}`).join(' '));
  try {
    enable();
  } catch {
    try {
      moveAside(place);
      enable();
    } catch (cause) {
      throw refused(controllers, `${file} cannot be written: ${reasonOf(cause)}`, cause);
    }
  }
}

/** The kernel shares out only what a group without processes of its own has. */
function moveAside(place: string): void {
  const aside = join(place, ASIDE);
  if (!existsSync(aside)) mkdirSync(aside);
  enterControlGroup(aside);
  for (const pid of groupMembers(place)) writeFileSync(join(aside, 'cgroup.procs'), String(pid));
}

/** The groups of this process in cgroup v1, each with those of the controllers that it has. */
function controllerPlaces(controllers: readonly Controller[]): Map<string, Controller[]> {
  const groups = ownControllerGroups();
  const places = new Map<string, Controller[]>();
  for (const controller of controllers) {
    const place = groups.get(controller);
    if (place === undefined) {
      throw refused([controller], `this machine shows no control groups for ${controller}`);
    }
    if (!isWritable(place)) throw refused([controller], `${place} is not writable`);
    places.set(place, [...(places.get(place) ?? []), controller]);
  }
  return places;
}

const OPTION_OF = { memory: '--memory', cpu: '--cpus', pids: '--pids' } as const;

function refused(controllers: readonly Controller[], why: string, cause?: unknown): TaskfsError {
  const options = controllers.map((each) => OPTION_OF[each]).join(', ');
  return new TaskfsError('usage', `${options} cannot be set for a local task here: ${why}`, {
    hint:
      "Under systemd with cgroup v2, 'systemd-run --user --scope -p Delegate=yes " +
      "taskfs run …' makes it possible; root and containers (--image) always can.",
    cause,
  });
}
