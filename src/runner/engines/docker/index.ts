/**
 * Commands in containers, through dockerode: connecting, starting, following, giving files back.
 * Loaded only where a task or a check needs an engine.
 */
export { connect } from './connect.ts';
export { createDockerEngine } from './docker-engine.ts';
export { findEndpoints } from './endpoint.ts';
