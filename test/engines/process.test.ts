import { describe } from 'vitest';
import { createProcessEngine } from '../../src/runner/engines/process/process-engine.ts';
import { describeEngine } from './conformance.ts';

describe('the process engine', () => {
  describeEngine({
    engine: createProcessEngine(),
    launch: {},
    takesInput: true,
    canPause: true,
  });
});
