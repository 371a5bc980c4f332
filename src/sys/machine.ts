import { hostname } from 'node:os';
import { targetOrEmpty, textOrEmpty } from './optional.ts';

/** What distinguishes machines, and one boot of a machine from the next. */
export interface Machine {
  /** machine-id(5); empty where there is none. Images that were cloned may share it. */
  readonly id: string;
  /** New at each boot, and the same in all containers of one kernel. */
  readonly boot: string;
  /** For people. */
  readonly host: string;
  /** Which processes are visible: pids of another namespace mean nothing here. */
  readonly pidNamespace: string;
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  const id = readFirst('/etc/machine-id') || readFirst('/var/lib/dbus/machine-id');
  return {
    // What systemd writes into images that get theirs at the first boot.
    id: id === 'uninitialized' ? '' : id,
    boot: readFirst('/proc/sys/kernel/random/boot_id'),
    host: hostname(),
    pidNamespace: targetOrEmpty('/proc/self/ns/pid'),
  };
}

const readFirst = (path: string): string => textOrEmpty(path).trim();
