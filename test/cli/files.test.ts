import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Cli, main, newCli } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

/** A tree with whatever a task may leave, of names above all. */
const SCRIPT = String.raw`
cd "$TASKFS_ARTIFACTS"
mkdir -p empty nested/a/b
echo deep > nested/a/b/deep.txt
echo run > tool.sh; chmod 0750 tool.sh
printf 'x' > "$(printf 'line\nbreak')"
printf 'y' > "$(printf 'no-utf8-\377')"
printf 'z' > "$(printf '%0255d' 0)"
printf 'dash' > ./-dash
ln -s nested/a inside
ln -s /etc/passwd outside
ln -s ../../../../../../../../etc/passwd climbs
ln -s nowhere dangling
ln nested/a/b/deep.txt hard.txt
mkfifo pipe
truncate -s 5M sparse; printf end >> sparse
touch -d 2001-02-03T04:05:06Z nested/a/b/deep.txt
echo ready
`;

const LONG_NAME = '0'.repeat(255);

async function liveTask(cli: Cli): Promise<void> {
  const script = `${SCRIPT}sleep 600`;
  await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', script);
  await until('the tree is there', async () => (await cli.run('logs', 't')).stdout === 'ready\n');
}

async function sealedTask(cli: Cli): Promise<void> {
  const { code, stderr } = await cli.run('run', '--name', 't', '--', 'sh', '-c', SCRIPT);
  expect({ code, stderr }).toMatchObject({ code: 0 });
}

interface Listed {
  path: string;
  pathBase64?: string;
  type: string;
  mode: string;
  size: number;
  mtime: string;
  target?: string;
}

describe.each([
  ['live', liveTask, undefined],
  ['sealed, plain user', sealedTask, 'plain'],
] as const)('the files of a task: %s', (_name, makeTask, user) => {
  it('are listed, printed and copied without a mount, and nothing leads out', async () => {
    const cli = newCli(user ? { user } : {});
    await makeTask(cli);

    const listed = await cli.json<Listed[]>('ls', '-R', 't', '--json');
    const byPath = new Map(listed.map((entry) => [entry.path, entry]));
    const types = Object.fromEntries(listed.map(({ path, type }) => [path, type]));
    expect(types).toEqual({
      '-dash': 'file',
      [LONG_NAME]: 'file',
      climbs: 'symlink',
      dangling: 'symlink',
      empty: 'directory',
      'hard.txt': 'file',
      inside: 'symlink',
      'line\nbreak': 'file',
      nested: 'directory',
      'nested/a': 'directory',
      'nested/a/b': 'directory',
      'nested/a/b/deep.txt': 'file',
      'no-utf8-\ufffd': 'file',
      outside: 'symlink',
      pipe: 'fifo',
      sparse: 'file',
      'tool.sh': 'file',
    });
    expect(byPath.get('nested/a/b/deep.txt')).toMatchObject({
      size: 5,
      mtime: '2001-02-03T04:05:06.000Z',
    });
    expect(byPath.get('tool.sh')?.mode).toBe('0750');
    expect(byPath.get('outside')?.target).toBe('/etc/passwd');
    const raw = Buffer.from('no-utf8-\xff', 'latin1');
    expect(byPath.get('no-utf8-\ufffd')?.pathBase64).toBe(raw.toString('base64'));
    expect(byPath.get('tool.sh')).not.toHaveProperty('pathBase64');

    const cat = async (path: string) => (await cli.run('cat', 't', path)).stdout;
    expect(await cat('nested/a/b/deep.txt')).toBe('deep\n');
    expect(await cat('./nested//a/b/deep.txt')).toBe('deep\n');
    expect(await cat('inside/b/deep.txt')).toBe('deep\n');
    expect(await cat('line\nbreak')).toBe('x');
    expect(await cat(LONG_NAME)).toBe('z');
    expect(await cat('./-dash')).toBe('dash');
    expect((await cli.run('cat', 't', '--', '-dash')).stdout).toBe('dash');
    expect((await cli.run('cat', 't', 'sparse')).bytes).toHaveLength(5 * 1024 ** 2 + 3);

    const names = (await cli.run('ls', '-0', 't')).bytes;
    expect(names.includes(Buffer.concat([raw, Buffer.alloc(1)]))).toBe(true);
    expect((await cli.run('ls', 't')).stdout).toContain('line\\nbreak');
    expect((await cli.run('ls', '-l', 't')).stdout).toContain('outside -> /etc/passwd');
    expect((await cli.run('ls', 't', 'inside')).stdout).toBe('inside/b/\n');
    expect((await cli.run('ls', 't', 'dangling')).stdout).toBe('dangling\n');

    for (const verb of ['cat', 'path', 'ls']) {
      for (const path of [
        '../../keys/identity.txt',
        '/etc/passwd',
        'nested/../../x',
        'nested/..',
      ]) {
        const { code, stdout, stderr } = await cli.run(verb, 't', path);
        if (verb === 'path' && makeTask === sealedTask) expect(code).not.toBe(0);
        else expect({ path, code, stdout }).toEqual({ path, code: 2, stdout: '' });
        expect(stderr).not.toContain('root:');
      }
    }
    for (const path of ['outside', 'climbs']) {
      const { code, stdout, stderr } = await cli.run('cat', 't', path);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('leads out');
    }
    expect((await cli.run('cat', 't', 'dangling')).code).toBe(3);
    expect((await cli.run('cat', 't', 'nested')).code).toBe(2);
    expect((await cli.run('cat', 't', 'pipe')).code).toBe(2);
    expect((await cli.run('cat', 't', 'no/such')).code).toBe(3);

    const copy = join(cli.base, 'copy');
    const exported = await cli.json('export', 't', copy, '--json');
    expect(exported).toMatchObject({ directory: copy, skipped: [{ path: 'pipe', type: 'fifo' }] });
    expect(readFileSync(join(copy, 'nested/a/b/deep.txt'), 'utf8')).toBe('deep\n');
    expect(statSync(join(copy, 'nested/a/b/deep.txt')).mtimeMs).toBe(Date.UTC(2001, 1, 3, 4, 5, 6));
    expect(statSync(join(copy, 'hard.txt')).ino).toBe(
      statSync(join(copy, 'nested/a/b/deep.txt')).ino,
    );
    expect(statSync(join(copy, 'tool.sh')).mode & 0o7777).toBe(0o750);
    expect(readlinkSync(join(copy, 'outside'))).toBe('/etc/passwd');
    expect(lstatSync(join(copy, 'dangling')).isSymbolicLink()).toBe(true);
    expect(readdirSync(join(copy, 'empty'))).toEqual([]);
    expect(statSync(join(copy, 'sparse')).blocks).toBeLessThan(1000);
    expect(readdirSync(copy, { encoding: 'buffer' }).some((name) => name.equals(raw))).toBe(true);
    expect((await cli.run('export', 't', copy)).code).toBe(2);
    // Some fifty processes, one after the other: a busy machine needs its time.
  }, 240_000);
});

describe('a name that is not UTF-8', () => {
  it('can be typed', async () => {
    const cli = newCli();
    await sealedTask(cli);
    const command = `'${process.execPath}' '${main}' cat t $'no-utf8-\\xff'`;
    const env = { ...process.env, TASKFS_STORE: cli.store };
    expect(execFileSync('bash', ['-c', command], { env }).toString()).toBe('y');
  });
});

describe('taskfs path', () => {
  it('names the file in staging while the task is live', async () => {
    const cli = newCli();
    await liveTask(cli);
    const staging = join(cli.store, 'staging/t');
    expect((await cli.run('path', 't')).stdout).toBe(`${staging}\n`);
    expect((await cli.run('path', 't', 'nested/a')).stdout).toBe(`${staging}/nested/a\n`);
    expect((await cli.run('path', 't', 'outside')).code).toBe(2);
    expect((await cli.run('path', 't', 'no/such')).code).toBe(3);
  });

  it('says that a sealed task has none without a mount', async () => {
    const cli = newCli();
    await cli.run('run', '--name', 's', '--', 'true');
    const { code, stderr } = await cli.run('path', 's');
    expect(code).toBe(1);
    expect(stderr).toContain('taskfs mount');
  });
});

describe('taskfs edit, open and preview', () => {
  it('edits a live file in $EDITOR, options and all, and refuses a sealed one', async () => {
    const cli = newCli({ env: { EDITOR: 'sed -i s/deep/shallow/', VISUAL: '' } });
    await liveTask(cli);
    expect((await cli.run('edit', 't', 'nested/a/b/deep.txt')).code).toBe(0);
    expect((await cli.run('cat', 't', 'nested/a/b/deep.txt')).stdout).toBe('shallow\n');
    expect((await cli.run('edit', 't', 'outside')).code).toBe(2);
    await cli.run('cancel', '--kill', 't');
    await cli.run('wait', 't');
    expect((await cli.run('edit', 't', 'nested/a/b/deep.txt')).code).toBe(2);
    expect((await cli.run('open', 't', 'nested/a/b/deep.txt')).stderr).toContain('taskfs mount');
  });

  it('makes an editor with windows wait', async () => {
    const bin = temporaryDirectory();
    // Without --wait it would return at once, and save later.
    const code = '#!/bin/sh\n[ "$1 $2" = "-n --wait" ] && echo saved > "$3"\n';
    writeFileSync(join(bin, 'code'), code, { mode: 0o755 });
    const cli = newCli({ env: { VISUAL: 'code -n', PATH: `${bin}:${process.env.PATH}` } });
    await liveTask(cli);
    expect((await cli.run('edit', 't', 'new.txt')).code).toBe(0);
    expect((await cli.run('cat', 't', 'new.txt')).stdout).toBe('saved\n');
  });

  it('previews text with its control characters visible, and bytes as bytes', async () => {
    const cli = newCli();
    const script = `cd "$TASKFS_ARTIFACTS"
      printf 'a\\033[2Jb\\n' > x.md; printf '\\0\\1AB' > x.bin`;
    await cli.run('run', '--name', 'p', '--', 'sh', '-c', script);
    const text = (await cli.run('preview', 'p', 'x.md')).stdout;
    expect(text).toContain('text/markdown');
    expect(text).toContain('a\\u{1b}[2Jb');
    const bytes = (await cli.run('preview', 'p', 'x.bin')).stdout;
    expect(bytes).toContain('00000000  00 01 41 42');
    expect((await cli.run('preview', 'p', '.')).stdout).toContain('├── x.bin\n└── x.md\n');
  });
});

describe('a tree that is thousands of directories deep', () => {
  const make = `process.chdir(process.env.TASKFS_ARTIFACTS);
    for (let i = 0; i < 3000; i++) { fs.mkdirSync('d'); process.chdir('./d'); }
    fs.writeFileSync('f', 'bottom\\n'); console.log('ready');`;

  it.each(['live', 'sealed'])('is listed and copied: %s', async (state) => {
    const cli = newCli();
    const isLive = state === 'live';
    const script = isLive ? `${make} setTimeout(() => {}, 600_000)` : make;
    const options = isLive ? ['-d', '--name', 'deep'] : ['--name', 'deep'];
    await cli.run('run', ...options, '--', process.execPath, '-e', script);
    if (isLive) {
      await until('the tree is there', async () => (await cli.run('logs', 'deep')).stdout !== '');
    }
    const { code, stdout } = await cli.run('ls', '-R', 'deep');
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(3001);
    const copy = join(cli.base, 'copy');
    expect(await cli.json('export', '--json', 'deep', copy)).toMatchObject({ files: 1, bytes: 7 });
  });
});
