import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What a secret was found in. */
export interface Leak {
  /** By its name in `secrets`. */
  readonly secret: string;
  readonly where: string;
}

/** Often enough for a process that lives as long as Node takes to start. */
const LOOK_EVERY_MS = 5;

/** Looks at the arguments and the environment of every process, again and again, for secrets. */
export class SecretWatch {
  private readonly secrets: Readonly<Record<string, string>>;
  private readonly mayKnow: (commandLine: string, environment: string) => boolean;
  private readonly found = new Map<string, Leak>();
  /** The command lines that were seen, arguments apart by spaces. */
  readonly seen = new Set<string>();
  private turn: NodeJS.Timeout;

  /**
   * `mayKnow` tells processes that have a secret by right: the one it was typed for, the task
   * itself.
   */
  constructor(
    secrets: Readonly<Record<string, string>>,
    mayKnow: (commandLine: string, environment: string) => boolean,
  ) {
    this.secrets = secrets;
    this.mayKnow = mayKnow;
    const again = (): void => {
      this.look();
      this.turn = setTimeout(again, LOOK_EVERY_MS);
    };
    this.turn = setTimeout(again, LOOK_EVERY_MS);
  }

  private look(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const commandLine = readLatin1(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
      const environment = readLatin1(`/proc/${pid}/environ`);
      this.seen.add(commandLine);
      if (this.mayKnow(commandLine, environment)) continue;
      for (const secret of this.secretsIn(commandLine)) this.note(secret, `argv: ${commandLine}`);
      for (const secret of this.secretsIn(environment)) {
        this.note(secret, `environment: ${commandLine}`);
      }
    }
  }

  private secretsIn(text: string): string[] {
    const names = Object.keys(this.secrets);
    return names.filter((name) => text.includes(this.secrets[name] ?? ''));
  }

  private note(secret: string, where: string): void {
    this.found.set(`${secret} ${where}`, { secret, where });
  }

  /**
   * Ends it; what it found in processes, and what is in files beneath a directory, but for some.
   */
  stop(directory: string, allowed: readonly string[]): Leak[] {
    clearTimeout(this.turn);
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
    for (const path of files.filter((path) => !allowed.includes(path))) {
      const file = join(directory, path);
      if (!statSync(file, { throwIfNoEntry: false })?.isFile()) continue;
      for (const secret of this.secretsIn(readLatin1(file))) this.note(secret, `file: ${path}`);
    }
    return [...this.found.values()];
  }
}

// A process may be gone, or another user's.
function readLatin1(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
