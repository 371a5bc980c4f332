import type { Reporter, TestModule } from 'vitest/node';
import { needsEngine, testEngine } from './test-engine.ts';

/** Says in the last lines of a run how many tests did not run for want of a Docker engine. */
export default class EngineReport implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    if (testEngine) return;
    const left = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    const count = left.filter((test) => test.fullName.includes(needsEngine)).length;
    if (count === 0) return;
    // After the summary of the default reporter, which is printed at the same event.
    process.on('exit', () => {
      process.stdout.write(
        `${count} engine tests did not run: no Docker engine. ` +
          "'scripts/with-engine scripts/test' as root runs them.\n",
      );
    });
  }
}
