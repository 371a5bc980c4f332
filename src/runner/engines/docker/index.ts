/**
 * Commands in containers, through dockerode: connecting, creating and starting them, following
 * them to their end, making their files the caller's. Loaded only where a task or a check needs an
 * engine.
 */
export { connect } from './connect.ts';
export { createDockerEngine } from './docker-engine.ts';
export { findEndpoints } from './endpoint.ts';
