import { createDockerEngine } from '../../src/runner/engines/docker/index.ts';
import { describeWithEngine, isRootless, itExceptPodman } from '../support/engine.ts';
import { describeEngine } from './conformance.ts';

describeWithEngine('the docker engine', ({ image }) => {
  describeEngine({
    engine: createDockerEngine(),
    launch: { image },
    takesInput: true,
    // What pauses a container is its control group.
    canPause: !isRootless,
    itTellsExecution: itExceptPodman,
  });
});
