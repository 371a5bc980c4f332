/**
 * docker: tasks as containers of a Docker engine, or of podman's service that speaks Docker's API.
 * Finding the engine, describing the container, its image, its output to the byte, its end, and the
 * words for what goes wrong. Loaded when a task asks for it; the swarm engine shares its parts.
 */
export { createDockerEngine, type DockerEngineOptions } from './docker-engine.ts';
export { type ContainerOptions, readContainerOptions, type Volume } from './options.ts';
