/**
 * Staging attached in a mount: where the server may mount, the kernel shows each live task's
 * staging directory itself on live/<task>, and the file system in user space beneath is not asked.
 * How that is served does not enter.
 */
export { ATTACH_LIMIT, Attachments, type AttachOptions } from './attachments.ts';
export { chooseLiveMode, LIVE_MODES, type LiveChoice, type LiveMode } from './live-mode.ts';
