import { describe, it } from 'vitest';
import { needsEngine, type TestEngine, testEngine } from './test-engine.ts';

/** Tests that need a Docker engine; counted as not run where there is none. */
export function describeWithEngine(name: string, define: (engine: TestEngine) => void): void {
  const none: TestEngine = { directory: '', host: '', image: '', bareImage: '', smallDisk: '' };
  describe.runIf(testEngine)(`${name} ${needsEngine}`, () => define(testEngine ?? none));
}

/** A check that podman (4.3) does not pass: it has to fail there, so that the list of shortfalls stays true. */
export const itExceptPodman = process.env.TASKFS_TEST_PODMAN ? it.fails : it;
