import { mkdirSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';

/** A name that is not UTF-8, as a shell makes it. */
const ODD = `$(printf 'odd-\\377')`;
const HEX = 'od -An -tx1';

const namesIn = (directory: string): string[] =>
  readdirSync(directory, { encoding: 'buffer' }).map((name) => name.toString('latin1'));

describe('bytes that are not UTF-8', () => {
  it('reach a local task in arguments, inherited and given variables', async () => {
    const cli = newCli();
    const { stdout } = await cli.script(`
      export X="$(printf 'a\\377b')"
      $T run -- sh -c 'printf %s "$X" | ${HEX}'
      $T run -e "Y=$(printf '\\376')" -e X -- sh -c 'printf %s "$X$Y" | ${HEX}'
      $T run -- sh -c 'printf %s "$@" | ${HEX}' x "$(printf '\\376')" "$(printf '\\377')"
      $T run -d --name far -- sh -c 'printf %s "$X$1" | ${HEX}' x ${ODD} >/dev/null
      $T wait far >/dev/null 2>&1; $T logs far`);
    const far = ' 61 ff 62 6f 64 64 2d ff';
    expect(stdout).toBe(` 61 ff 62\n 61 ff 62 fe\n fe ff\n${far}\n`);
  });

  it('reach it in its directory, and in its own name', async () => {
    const cli = newCli();
    const { stdout } = await cli.script(`
      mkdir ${ODD}; $T run -w ${ODD} -- sh -c 'basename "$PWD" | ${HEX}'
      cd ${ODD}; $T run -d --name far -- sh -c 'basename "$PWD" | ${HEX}' >/dev/null
      $T wait far >/dev/null 2>&1; $T logs far
      printf '#!/bin/sh\\necho started' > ${ODD}; chmod +x ${ODD}; $T run -- ./${ODD}`);
    expect(stdout).toBe(`${' 6f 64 64 2d ff 0a\n'.repeat(2)}started\n`);
  });

  it('are in the record, beside what can be read', async () => {
    const cli = newCli();
    await cli.script(`mkdir ${ODD}; cd ${ODD}; $T run --name one -- true ${ODD}`);
    const odd = Buffer.from('odd-\xff', 'latin1');
    const record = await cli.json('status', 'one', '--json');
    expect(record).toMatchObject({
      command: ['true', 'odd-\ufffd'],
      commandBase64: [Buffer.from('true').toString('base64'), odd.toString('base64')],
      cwd: `${cli.base}/odd-\ufffd`,
      cwdBase64: Buffer.concat([Buffer.from(`${cli.base}/`), odd]).toString('base64'),
    });
    await cli.run('run', '--name', 'two', '--', 'true');
    expect(await cli.json('status', 'two', '--json')).not.toHaveProperty('commandBase64');
  });

  it('name files for cat, ls and export', async () => {
    const cli = newCli();
    const { stdout, code } = await cli.script(`
      $T run --name one -- sh -c 'cd $TASKFS_ARTIFACTS; echo 1 > "$0"; echo 2 > "$1"' \
        ${ODD} "$(printf 'odd-\\376')"
      $T cat one ${ODD}; $T cat one "$(printf 'odd-\\376')"; $T ls one ${ODD}
      $T export one ${ODD} >/dev/null; ls ${ODD} | ${HEX}`);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: '1\n2\nodd-\\xff\n 6f 64 64 2d fe 0a 6f 64 64 2d ff 0a\n',
    });
  });

  it('are passed to an editor, with its variables', async () => {
    const cli = newCli();
    const { stdout } = await cli.script(`
      export EDITOR="sh -c 'echo edited >> \\"\\$1\\"' x"
      $T run -d --name one -- sh -c '
        echo made > "$TASKFS_ARTIFACTS/$0"; sleep 600' ${ODD} >/dev/null
      until [ -s store/staging/one/${ODD} ]; do sleep 0.05; done
      $T edit one ${ODD}; $T cat one ${ODD}; $T ls one; $T cancel --kill one >/dev/null 2>&1`);
    expect(stdout).toBe('made\nedited\nodd-\\xff\n');
  });

  it.each([
    ['a mount point', `$T mount ${ODD}`],
    ['a mount point below', `cd sub/${ODD}; $T mount m`],
    ['a mount point behind a link', '$T mount link/m'],
    ['a store', `$T --store ${ODD} init`],
    ['TASKFS_STORE', `TASKFS_STORE=${ODD} $T init`],
    ['XDG_DATA_HOME', `unset TASKFS_STORE; XDG_DATA_HOME="$PWD/"${ODD} $T init`],
    ['HOME', `unset TASKFS_STORE XDG_DATA_HOME; HOME="$PWD/"${ODD} $T init`],
    ['a command for a container', `$T run --image none -- ${ODD}`],
    ['a value for a container', `X=${ODD} $T run --image none -e X -- true`],
    ['a directory in a container', `$T run --image none -w /${ODD} -- true`],
    ['any other option', `$T run --name ${ODD} -- true`],
  ])('are refused in words, with nothing made: %s', async (_what, script) => {
    const cli = newCli();
    mkdirSync(`${cli.base}/sub`);
    await cli.script(`mkdir sub/${ODD}; ln -s sub/${ODD} link`);
    const { code, stderr } = await cli.script(script);
    expect(code).toBe(2);
    expect(stderr).toContain('is not UTF-8');
    const made = namesIn(cli.base).filter((name) => name !== 'store');
    expect(made.sort()).toEqual(['link', 'sub']);
    expect(namesIn(`${cli.base}/sub`)).toEqual(['odd-\xff']);
    expect(namesIn(`${cli.base}/link`)).toEqual([]);
  });
});

it('a variable whose name is no shell’s reaches a task, as functions of bash do', async () => {
  const cli = newCli();
  const { stdout } = await cli.script(
    `bash -c 'greet() { echo hello; }; export -f greet; exec "$T" run -- bash -c greet'`,
  );
  expect(stdout).toBe('hello\n');
});

it('a task has every variable of its caller’s, and no others but its own two', async () => {
  const cli = newCli();
  const { stdout } = await cli.script(`
    export root=1 name=2 value=3 fd=4 path=5 NODE_PATH=/6 NODE_DEBUG=7 _=8
    env | grep -v '^_=' | sort > before; $T run -- env | grep -v '^_=' | sort > after
    comm -3 before after | cut -d= -f1`);
  expect(stdout).toBe('\tTASKFS_ARTIFACTS\n\tTASKFS_TASK\n');
});
