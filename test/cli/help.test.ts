import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { verbs } from '../../src/cli/verbs.ts';
import { main, newCli } from '../support/cli.ts';

describe('help', () => {
  it('lists every verb, examples first', async () => {
    const { code, stdout, stderr } = await newCli().run('--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.indexOf('Examples:')).toBeLessThan(stdout.indexOf('Run:'));
    for (const { name } of verbs) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
  });

  it.each(verbs.map(({ name }) => name))('explains %s, examples first', async (name) => {
    const { code, stdout, stderr } = await newCli().run(name, '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Examples:\n {2}\S/);
    expect(stdout).toContain(`Usage: taskfs ${name}`);
    expect(stdout).toMatch(/\n\nEverywhere:\n +--store .*\n(.+\n)+$/);
    // Where examples are longer than that, what they do is below them.
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('loads neither a verb nor a heavy module', async () => {
    const log = `import { registerHooks } from 'node:module';
      registerHooks({
        load(url, context, next) {
          process.stderr.write(url + '\\n');
          return next(url, context);
        },
      });`;
    const { stderr } = await promisify(execFile)(process.execPath, [
      '--import',
      `data:text/javascript,${encodeURIComponent(log)}`,
      join(import.meta.dirname, '../../src/cli/main.ts'),
      '--help',
    ]);
    expect(stderr).toContain('/src/cli/help.ts');
    expect(stderr).not.toMatch(/koffi|dockerode|chokidar|age-encryption|yargs|commands/);
  });

  it('comes with the verb help too', async () => {
    const cli = newCli();
    expect((await cli.run('help')).stdout).toBe((await cli.run('--help')).stdout);
    const elsewhere = await cli.run('--store', cli.store, '--help');
    expect(elsewhere.stdout).toBe((await cli.run('--help')).stdout);
    expect((await cli.run('help', 'ps')).stdout).toBe((await cli.run('ps', '--help')).stdout);
  });

  it('tells its version', async () => {
    const { code, stdout } = await newCli().run('--version');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('usage errors', () => {
  it.each([
    ['an unknown verb', ['statsu'], "Did you mean 'taskfs status'?"],
    ['a verb with letters swapped', ['pasue'], "Did you mean 'taskfs pause'?"],
    ['an unknown option', ['ps', '--al'], "Did you mean '--all'?"],
    ['a verb without its task', ['status'], "'taskfs status' needs <task>"],
    ['too many words', ['status', 'a', 'b'], 'status'],
    ['an option without its value', ['ps', '--status'], '--status needs a value\n'],
    ['a letter without its value', ['logs', 'x', '-n'], '-n needs a value\n'],
    [
      'a value that cannot be',
      ['ps', '--status', 'done'],
      "'done' cannot be the value of --status",
    ],
    [
      'a word that cannot be',
      ['key', 'list'],
      "the action of 'taskfs key'\nChoose from show, add,",
    ],
    ['a group without its limit', ['group', 'set', 'gpu'], 'needs a group and its limit\n'],
    ['a verb without an option of its own', ['share', 'x'], "'taskfs share' needs --to\n"],
    [
      'options that exclude each other',
      ['cat', '--identity', 'a', '--identity-cmd', 'b', 'x', 'f'],
      '--identity and --identity-cmd cannot be given together',
    ],
    ['run without a command', ['run'], 'taskfs run -- make all'],
    ['run without two dashes', ['run', 'make'], "'taskfs run -- make …'"],
    ['options of a command without two dashes', ['run', 'sh', '-c', 'x'], "'taskfs run -- sh …'"],
    ['the same behind an option', ['run', '--name', 'job', 'echo', '-n', 'x'], 'run -- echo …'],
    ['an option with letters swapped', ['run', '--nmae', 'x', '--', 'true'], "mean '--name'?"],
    ['a short verb with letters swapped', ['rnu'], "Did you mean 'taskfs run'?"],
    ['a letter that is no option', ['ps', '-Q'], "taskfs: 'taskfs ps' does not take '-Q'\n'taskfs"],
    ['an option of docker', ['run', '--rm', '--', 'true'], "'taskfs run' does not take '--rm'\n't"],
    ['a verb of docker', ['stop', 'x'], "Did you mean 'taskfs cancel'?"],
    ['another', ['kill', 'x'], "Did you mean 'taskfs cancel --kill'?"],
    ['and another', ['inspect', 'x'], "Did you mean 'taskfs status --json'?"],
    ['and one of its images', ['images'], "the engine's: 'docker images'"],
    ['and one that starts', ['start', 'x'], "Did you mean 'taskfs run'?"],
    ['a verb of many programs', ['list'], "Did you mean 'taskfs ps'?"],
    ['a verb that every object has', ['constructor'], "'taskfs --help' lists all verbs."],
    ['a dash alone', ['export', 'x', '-'], "A file of that name is './-'."],
    ['only options', ['--store'], '--help'],
  ])('%s: exit code 2, words on stderr, nothing on stdout', async (_name, args, says) => {
    const { code, stdout, stderr } = await newCli().run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/^ {4}at |\\n/m);
  });

  it('show a stack trace with --debug only', async () => {
    const { stderr } = await newCli().run('ps', '--debug');
    expect(stderr).toMatch(/^ {4}at /m);
  });
});

describe('output', () => {
  it('has no colour in a pipe, nor on a terminal with NO_COLOR', async () => {
    const cli = newCli();
    await cli.run('run', '--name', 'plain', '--', 'true');
    expect((await cli.run('ps', '-a')).stdout).not.toContain('\x1b');
    const ps = `'${process.execPath}' '${main}' ps -a`;
    const inTerminal = async (env: NodeJS.ProcessEnv): Promise<string> => {
      const args = ['-qec', ps, '/dev/null'];
      const { stdout } = await promisify(execFile)('script', args, { env });
      return stdout;
    };
    // Node takes a terminal in CI to have no colours.
    const { NO_COLOR: _, CI: __, ...inherited } = process.env;
    const env = { ...inherited, TASKFS_STORE: cli.store, TERM: 'xterm' };
    expect(await inTerminal(env)).toContain('\x1b[2mTASK');
    expect(await inTerminal({ ...env, NO_COLOR: '1' })).not.toContain('\x1b');
  });

  it('is silent where its reader has gone', async () => {
    const cli = newCli();
    await cli.run('run', '--name', 'long', '--', 'seq', '200000');
    const logs = cli.start('logs', 'long');
    logs.stdout.once('data', () => logs.stdout.destroy());
    const [code, stderr] = await Promise.all([
      new Promise((resolve) => logs.once('close', resolve)),
      text(logs.stderr),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
