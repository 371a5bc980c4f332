import { describe, it } from 'vitest';
import { needsEngine, type TestEngine, testEngine } from './test-engine.ts';

/** Tests that need a Docker engine; counted as not run where there is none. */
export function describeWithEngine(name: string, define: (engine: TestEngine) => void): void {
  const none: TestEngine = { directory: '', host: '', image: '', bareImage: '', smallDisk: '' };
  describe.runIf(testEngine)(`${name} ${needsEngine}`, () => define(testEngine ?? none));
}

/**
 * A check that podman (4.3) does not pass: it has to fail there, so that the list of shortfalls
 * stays true.
 */
export const itExceptPodman = process.env.TASKFS_TEST_PODMAN ? it.fails : it;

/** The engine is a plain user's, who runs the tests as well. */
export const isRootless = process.env.TASKFS_ENGINE === 'podman-rootless';

/**
 * A check of limits, which an engine without control groups of its own, as the rootless one is,
 * leaves aside.
 */
export const itWithLimits = it.runIf(!isRootless);
