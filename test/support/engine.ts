import { describe } from 'vitest';
import { needsEngine, type TestEngine, testEngine } from './test-engine.ts';

/** Tests that need a Docker engine; counted as not run where there is none. */
export function describeWithEngine(name: string, define: (engine: TestEngine) => void): void {
  const none: TestEngine = { directory: '', host: '', image: '', bareImage: '', smallDisk: '' };
  describe.runIf(testEngine)(`${name} ${needsEngine}`, () => define(testEngine ?? none));
}
