import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { Cli } from './cli.ts';
import { until } from './until.ts';

/** A window as a screen reader sees it. */
export interface ShownWindow {
  readonly program: string;
  readonly title: string;
  /** Labels, names of files, contents of text fields, in the order of the window. */
  readonly texts: readonly string[];
}

/** A display and a session bus of their own, without a person. */
export interface GraphicalSession {
  /** Starts a program, which stays. */
  open(...command: string[]): void;
  /** Runs a program and returns what it prints. */
  run(...command: string[]): Promise<string>;
  windows(): Promise<ShownWindow[]>;
  /** Presses keys, by the names of X, in the first window whose title contains `title`. */
  press(title: string, ...keys: string[]): Promise<void>;
  /** Presses the button of that name in such a window. */
  pressButton(title: string, button: string): Promise<void>;
}

const WINDOWS = join(import.meta.dirname, '../programs/desktop-windows.py');

/**
 * Starts a session as the user of `cli`, whose home is `home` in its base. Afterwards it is ended.
 */
export async function startGraphicalSession(cli: Cli): Promise<GraphicalSession> {
  const home = join(cli.base, 'home');
  const runtime = join(cli.base, 'runtime');
  await cli.script(`mkdir -p -m 700 ${home} ${runtime}`);
  onTestFinished(() => endSession(runtime));
  const display = await firstLine(
    cli,
    ...['Xvfb', '-displayfd', '1', '-screen', '0', '1000x700x24', '-nolisten', 'tcp'],
  );
  const variables = [
    ...['-u', 'XDG_CACHE_HOME', '-u', 'XDG_CONFIG_HOME', '-u', 'XDG_DATA_HOME'],
    `HOME=${home}`,
    `XDG_RUNTIME_DIR=${runtime}`,
    `DISPLAY=:${display}`,
    // Programs of GTK 2 tell screen readers nothing without.
    'GTK_MODULES=gail:atk-bridge',
  ];
  const script = 'echo $DBUS_SESSION_BUS_ADDRESS; exec sleep infinity';
  const words = ['env', ...variables, 'dbus-run-session', '--', 'bash', '-c', script];
  const bus = await firstLine(cli, ...words);
  const inSession = ['env', ...variables, `DBUS_SESSION_BUS_ADDRESS=${bus}`];
  const run = async (...command: string[]): Promise<string> => {
    const child = cli.spawn(...inSession, ...command);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    await once(child, 'close');
    return output;
  };
  return {
    run,
    open: (...command) => void cli.spawn(...inSession, ...command).stdout.resume(),
    windows: async () => JSON.parse((await run('/usr/bin/python3', WINDOWS)) || '[]'),
    pressButton: async (title, button) => {
      await run('/usr/bin/python3', WINDOWS, title, button);
    },
    press: async (title, ...keys) => {
      // A search ends early where another window goes meanwhile.
      const find = () => run('xdotool', 'search', '--onlyvisible', '--name', title);
      const found = await until(`a window ${title}`, async () => (await find()) || undefined);
      const [window] = found.split('\n');
      await run('xdotool', 'windowfocus', '--sync', window ?? '', 'key', '--delay', '20', ...keys);
    },
  };
}

async function firstLine(cli: Cli, ...command: string[]): Promise<string> {
  const child = cli.spawn(...command);
  const [line] = await once(createInterface(child.stdout), 'line');
  return String(line);
}

/**
 * Ends what was started in a session. The bus starts services that outlive the programs that asked
 * for them, and removes its socket only where it may end by itself.
 */
async function endSession(runtime: string): Promise<void> {
  for (const pid of processesOf(runtime)) signal(pid, 'SIGTERM');
  const ended = until('the session has ended', () => processesOf(runtime).length === 0, 5000);
  await ended.catch(() => {
    for (const pid of processesOf(runtime)) signal(pid, 'SIGKILL');
  });
}

/** The processes whose environment names the session's directory. */
function processesOf(runtime: string): number[] {
  const variable = `XDG_RUNTIME_DIR=${runtime}`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && environment(pid).includes(variable));
}

/** Empty where the process has ended or is another user's. */
function environment(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
