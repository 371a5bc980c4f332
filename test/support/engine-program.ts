/** Runs the launch in the variable LAUNCH with the docker engine and removes it, as whoever starts this program. */
import { createDockerEngine } from '../../src/runner/engines/docker/docker-engine.ts';
import type { EngineState, Launch } from '../../src/runner/engines/engine.ts';

const launch = JSON.parse(process.env.LAUNCH ?? '') as Launch;
const engine = createDockerEngine();
let state: EngineState = {};
const output = { write: () => undefined };
const running = await engine.start(launch, output, (latest) => {
  state = latest;
});
const exit = await running.ended;
await engine.remove(state);
if (exit.exitCode !== 0) throw new Error(exit.reason);
