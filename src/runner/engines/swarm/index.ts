/**
 * swarm: tasks as replicated jobs of a Docker swarm, on nodes that share the store's file system
 * (docs/scaling.md). What concerns one engine and one container stays in docker/.
 */
export { createSwarmEngine } from './swarm-engine.ts';
