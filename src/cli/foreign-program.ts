import { spawn } from 'node:child_process';
import { TaskfsError } from '../store/errors.ts';

/** Runs somebody else's program on this terminal until it ends. Throws `failed` where it cannot, or does not end well. */
export async function runProgram(
  program: string,
  args: readonly (string | Buffer)[],
  hint: string,
): Promise<void> {
  const words = args.map(String);
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(program, words, { stdio: 'inherit' });
    child.once('error', (cause) =>
      reject(new TaskfsError('failed', `'${program}' cannot be started`, { hint, cause })),
    );
    child.once('close', resolve);
  });
  if (code === 0) return;
  throw new TaskfsError('failed', `'${program}' ended with ${code ?? 'a signal'}`, { hint });
}
