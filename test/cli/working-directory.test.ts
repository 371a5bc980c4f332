import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';

const isRoot = process.geteuid?.() === 0;

/**
 * Runs a call of taskfs in a directory that is gone, and leaves what its shells say of that out.
 */
const inGoneDirectory = (call: string): string =>
  `mkdir gone; cd gone; rmdir ../gone; ${call} 2>&1 | grep -v 'getcwd' >&2`;

describe('in a directory that was removed', () => {
  it('every verb works that needs none', async () => {
    const cli = newCli();
    await cli.run('run', '--name', 'one', '--', 'echo', 'hi');
    const { stdout } = await cli.script(`mkdir gone; cd gone; rmdir ../gone; exec 2>/dev/null
      $T ps -a --json | grep -c '"task": "one"'; $T logs one; $T wait one; $T status one | head -1
      $T cancel one; echo $?; $T verify one >/dev/null; echo $?; $T run -w / -- pwd`);
    expect(stdout).toMatch(/^1\nhi\none: completed\nTask: +one\n[01]\n0\n\/\n$/);
  });

  it.each([
    ['$T run -- true', 'the current directory does not exist any more'],
    ['$T run -d -- true', 'the current directory does not exist any more'],
    ['$T run -w sub -- true', "'sub': its directory does not exist any more"],
    ['$T mount m', "'m': its directory does not exist any more"],
    ['$T --store s init', "'s': its directory does not exist any more"],
  ])('%s says so', async (call, words) => {
    const cli = newCli();
    await cli.run('init');
    const { stderr } = await cli.script(inGoneDirectory(call));
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('not expected');
  });
});

describe('a working directory', () => {
  it.runIf(isRoot)('that may not be entered is named (needs root to become a user)', async () => {
    const cli = newCli({ user: 'plain' });
    const { stderr } = await cli.script('mkdir closed; chmod 0 closed; $T run -w closed -- true');
    expect(stderr).toContain(`the working directory ${cli.base}/closed may not be entered`);
    expect(stderr).not.toContain('executable');
  });

  it('that is a file, or not there, is named', async () => {
    const cli = newCli();
    const { stderr } = await cli.script('touch file; $T run -w file -- true; $T run -w no -- true');
    expect(stderr).toContain(`the working directory ${cli.base}/file is not a directory`);
    expect(stderr).toMatch(
      /^Task \S+ did not start: the working directory \S+\/no is not there\./m,
    );
  });
});

describe('HOME', () => {
  it.each(['', 'relative'])("that is '%s' makes no store anywhere", async (home) => {
    const cli = newCli();
    const { code, stderr } = await cli.script(
      `unset TASKFS_STORE XDG_DATA_HOME; HOME=${home} $T run -- true`,
    );
    expect(code).toBe(2);
    expect(stderr).toContain('there is no place for a store');
    expect(readdirSync(cli.base)).toEqual([]);
  });
});

describe("the user's NODE_OPTIONS", () => {
  it('are the task’s and never ours, in the foreground, detached and in servers', async () => {
    const cli = newCli();
    const { stdout, code } = await cli.script(`export NODE_OPTIONS='--require /no/such/file'
      $T run -- sh -c 'echo "$NODE_OPTIONS"'
      $T run -d --name far -- sh -c 'echo "$NODE_OPTIONS"' >/dev/null
      $T wait far >/dev/null 2>&1; $T logs far; $T mount m >/dev/null && $T unmount m`);
    expect({ stdout, code }).toEqual({ stdout: '--require /no/such/file\n'.repeat(2), code: 0 });
  });

  it('are the task’s alone in a file of --env-file, too, which Node knows as well', async () => {
    const cli = newCli();
    const ran = await cli.script(`echo NODE_OPTIONS=--no-such-option > file
      $T run --env-file file -- sh -c 'echo "$NODE_OPTIONS"'; $T run --env-file none -- true`);
    expect(ran).toMatchObject({ code: 2, stdout: '--no-such-option\n' });
    expect(ran.stderr).toContain('--env-file none cannot be read: no such file or directory\n');
  });
});
