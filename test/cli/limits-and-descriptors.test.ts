import { describe, expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';

describe('a local task', () => {
  it('has the limits of its caller, in the foreground and detached', async () => {
    const cli = newCli();
    const limits = 'ulimit -Sn; ulimit -Sc; ulimit -Ss';
    const { stdout } = await cli.script(`
      ulimit -Sn 777; ulimit -Sc 0; ulimit -Ss 4096
      $T run -- sh -c '${limits}'
      $T run -d --name far -- sh -c '${limits}' >/dev/null
      $T wait far >/dev/null 2>&1; $T logs far`);
    expect(stdout).toBe('777\n0\n4096\n'.repeat(2));
  });

  it('has its caller’s descriptors at their numbers, in each attempt, and no others', async () => {
    const cli = newCli();
    const { stdout } = await cli.script(`
      echo three > three; echo seven > seven; exec 3<three 7<seven
      list() { $T run -- sh -c 'for fd in 4 5 6 8 9; do [ -e /proc/$$/fd/$fd ] && echo $fd; done'; }
      list; $T run -- sh -c 'cat <&3; cat <&7'
      exec 3<three
      $T run --retries 1 -- sh -c 'read -r line <&3 && echo "$line" && exit 1; echo again'`);
    expect(stdout).toBe('three\nseven\nthree\nagain\n');
  });

  it('can be a part of make -j: it takes its jobs from the one job server', async () => {
    const cli = newCli();
    const { stdout, stderr } = await cli.script(`
      printf 'all:\\n\\t+@%s run -- $(MAKE) -s sub\\n' "$T" > Makefile
      printf 'sub: a b\\na b:\\n\\t@echo $@\\n' >> Makefile
      make -s -j2`);
    expect(stdout.trim().split('\n').sort()).toEqual(['a', 'b']);
    expect(stderr).not.toContain('jobserver');
  });

  it('that closes a descriptor closes it for good: a pipe’s reader sees the end', async () => {
    const cli = newCli();
    const closing = `sh -c 'exec 7>&-; until [ -e go ]; do sleep 0.05; done'`;
    const { stdout } = await cli.script(
      `$T run -- ${closing} 7>&1 >/dev/null 2>&1 | { timeout 30 cat; echo $?; touch go; }`,
    );
    expect(stdout).toBe('0\n');
  });
});

// Node closes low descriptors on exec by itself, and leaves those behind a gap open.
/** Takes a lock, starts something, gives the lock up, and says whether anybody still holds it. */
const withLock = (start: string): string =>
  `exec 40>lk; flock 40; ${start}; exec 40>&-; flock -n lk echo free || echo held`;

describe('what stays in the background', () => {
  it.each([
    ['the server of a mount and its guard', '$T mount m >/dev/null', '$T unmount m'],
    [
      'the server of a mount in the foreground',
      '$T mount --foreground m >/dev/null & until [ -d m/live ]; do sleep 0.05; done',
      '$T unmount m; wait',
    ],
    [
      'a detached supervisor and its task',
      '$T run -d --name far -- sleep 600 >/dev/null',
      '$T cancel --kill far 2>/dev/null; $T wait far >/dev/null 2>&1',
    ],
  ])('holds no lock of its caller: %s', async (_what, start, end) => {
    const cli = newCli();
    const { stdout } = await cli.script(`${withLock(start)}; ${end}`);
    expect(stdout).toBe('free\n');
  });

  it('a server in the foreground does not keep its caller’s directory busy', async () => {
    const cli = newCli();
    const { stdout } = await cli.script(`
      mkdir here; (cd here; exec $T mount --foreground ../m >/dev/null) & server=$!
      until [ -d m/live ]; do sleep 0.05; done
      readlink /proc/$server/cwd; $T unmount m; wait`);
    expect(stdout).toBe('/\n');
  });
});
