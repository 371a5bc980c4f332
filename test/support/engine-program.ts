/**
 * Runs the launch in the variable LAUNCH with the engine in ENGINE and removes it, as whoever
 * starts this program.
 */
import type { EngineState, Launch } from '../../src/runner/engines/engine.ts';
import { loadEngine } from '../../src/runner/engines/registry.ts';

const launch = JSON.parse(process.env.LAUNCH ?? '') as Launch;
const engine = await loadEngine(process.env.ENGINE ?? '');
let state: EngineState = {};
const output = { write: () => undefined };
const running = await engine.start(launch, output, (latest) => {
  state = latest;
});
const exit = await running.ended;
await engine.remove(state);
if (exit.exitCode !== 0) throw new Error(exit.reason);
