import { writeSync } from 'node:fs';
import type { Change } from '../fs/index.ts';
import { expireAll, expireEntry, invalidateAttributes, invalidateInode } from './notify.ts';

/** Tells the kernel, over the connection's descriptor, that something is old before its time. */
export function tellChange(device: number, change: Change): void {
  const { directory, name, node } = change;
  if (directory === undefined) {
    send(device, expireAll());
    return;
  }
  send(device, change.isListingOld ? invalidateInode(directory) : invalidateAttributes(directory));
  if (node !== undefined) send(device, invalidateAttributes(node));
  if (name.length > 0) send(device, expireEntry(directory, name));
}

function send(device: number, message: Buffer): void {
  try {
    writeSync(device, message);
  } catch {
    // The kernel never heard of the name or the directory (ENOENT), has it no more (ENOTDIR), is
    // too old for the message (EINVAL) or gone (ENODEV): there is nothing of it to be told.
  }
}
