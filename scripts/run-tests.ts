/**
 * Runs the tests, and once more the files of those that failed: on a machine that others keep busy
 * a foreign program may take longer than any bound. What passes only then is named, for it is a
 * fault all the same, of the test or of what it tests. The last line says how many passed and
 * failed. Arguments go to vitest.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

interface TestFile {
  /** Its path. */
  readonly name: string;
  readonly status: 'passed' | 'failed';
  readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
}

/** What vitest says of a run. */
interface Report {
  readonly testResults: readonly TestFile[];
  /** By its exit code: false also where something failed outside of a test. */
  readonly success: boolean;
}

/** How `with-engine` ends where there is no engine to be had. */
const NO_ENGINE = 69;

const isRoot = process.geteuid?.() === 0;
const root = join(import.meta.dirname, '..');
const scratch = mkdtempSync(join(tmpdir(), 'taskfs-tests-'));

function runAll(args: readonly string[]): number {
  const first = runOnce('first', args);
  const failed = first.testResults.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return summarize(first);
  const paths = failed.map(({ name }) => relative(root, name));
  process.stdout.write(`\nOnce more, since tests failed in them: ${paths.join(' ')}\n`);
  const again = runOnce('again', [...args.filter((arg) => !arg.startsWith('test/')), ...paths]);
  for (const name of failed.flatMap(failedTests)) {
    if (!again.testResults.flatMap(failedTests).includes(name)) {
      process.stdout.write(`Failed at first, passed when run again: ${name}\n`);
    }
  }
  const rerun = new Set(again.testResults.map(({ name }) => name));
  const passed = first.testResults.filter(({ name }) => !rerun.has(name));
  return summarize({ ...again, testResults: [...passed, ...again.testResults] });
}

function failedTests({ name, assertionResults }: TestFile): string[] {
  return assertionResults
    .filter(({ status }) => status === 'failed')
    .map(({ fullName }) => `${relative(root, name)}: ${fullName}`);
}

/** Runs vitest, as root with an engine where one can be had. */
function runOnce(label: string, args: readonly string[]): Report {
  const path = join(scratch, `${label}.json`);
  const reporters = ['default', './test/support/engine-report.ts', 'json'];
  const options = [...reporters.map((one) => `--reporter=${one}`), `--outputFile.json=${path}`];
  const vitest = ['vitest', 'run', ...options, ...args];
  let status = isRoot ? execute('scripts/with-engine', ...vitest) : NO_ENGINE;
  if (status === NO_ENGINE) status = execute(...vitest);
  const { testResults } = JSON.parse(readFileSync(path, 'utf8'));
  return { testResults, success: status === 0 };
}

function execute(...[command = '', ...args]: readonly string[]): number | null {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status;
}

/** Prints the last lines; the exit code. */
function summarize({ testResults: files, success }: Report): number {
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const count = (status: string): number => tests.filter((test) => test.status === status).length;
  const skipped = tests.length - count('passed') - count('failed');
  if (skipped > 0) {
    process.stdout.write(`${skipped} tests could not run here: the lines above say why.\n`);
  }
  // A file that cannot be loaded has no tests, and an error outside of a test belongs to none.
  const failed = success ? count('failed') : Math.max(count('failed'), 1);
  process.stdout.write(`${count('passed')} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = runAll(process.argv.slice(2));
} finally {
  rmSync(scratch, { recursive: true });
}
