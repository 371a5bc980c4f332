import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll } from 'vitest';
import { createSwarmEngine } from '../../src/runner/engines/swarm/swarm-engine.ts';
import { describeWithEngine } from '../support/engine.ts';
import { describeEngine } from './conformance.ts';

const execute = promisify(execFile);

describeWithEngine('the swarm engine', ({ image }) => {
  // A swarm of one node, which goes with the private engine.
  beforeAll(async () => {
    const addresses = ['--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1:2377'];
    await execute('docker', ['swarm', 'init', ...addresses]);
  });

  describeEngine({
    engine: createSwarmEngine(),
    launch: { image },
    takesInput: false,
    canPause: true,
  });
});
