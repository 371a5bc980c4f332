import { execFile } from 'node:child_process';
import { Errno, errno } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { UMOUNT_NOFOLLOW, unmountFrom } from '../sys/index.ts';

/** Unmounts a directory as root or as the user who mounted it; one that is in use is refused. */
export async function unmountDirectory(directory: string): Promise<void> {
  if (process.geteuid?.() === 0) return unmountAsRoot(directory);
  await new Promise<void>((resolve, reject) => {
    execFile('fusermount3', ['-u', '--', directory], (error, _stdout, stderr) => {
      if (!error) return resolve();
      reject(/busy/.test(stderr) ? busy(directory) : failed(directory, stderr.trim()));
    });
  });
}

function unmountAsRoot(directory: string): void {
  try {
    unmountFrom(directory, UMOUNT_NOFOLLOW);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    if (error.errno === errno.EBUSY) throw busy(directory);
    throw failed(directory, error.code);
  }
}

const busy = (directory: string): TaskfsError =>
  new TaskfsError('failed', `${directory} is in use`, {
    hint: `Leave the directory and close its files; 'fuser -vm ${directory}' lists who uses it.`,
  });

const failed = (directory: string, reason: string): TaskfsError =>
  new TaskfsError('failed', `cannot unmount ${directory}: ${reason}`);
