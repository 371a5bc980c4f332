import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { COUNTS_XATTR } from './loopback.ts';
import {
  asUser,
  isRoot,
  type LoopbackMount,
  mountLoopback,
  mountsOn,
  runsHere,
  type Variant,
  variants,
} from './loopback-mount.ts';

const run = promisify(execFile);

/**
 * Has the kernel forget all names of a mount that nobody uses, as a remount (MS_REMOUNT, that of
 * the file system) does: those of other tests' mounts stay, which drop_caches would take as well.
 */
const FORGET_NAMES = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b'none', sys.argv[1].encode(), None, ctypes.c_ulong(32), None) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))`;

/**
 * Runs a shell script as the variant's user, in the mount; the test's own process never touches
 * it.
 */
async function inMount(
  variant: Variant,
  { mount }: LoopbackMount,
  script: string,
): Promise<string> {
  const { stdout } = await run('sh', ['-ec', script], {
    cwd: '/',
    env: { ...process.env, M: mount },
    ...asUser(variant),
    maxBuffer: 2 ** 26,
  });
  return stdout;
}

/** The numbers of nodes and handles that the server's file system holds. */
async function counts(variant: Variant, mounted: LoopbackMount): Promise<string> {
  const script = `getfattr --only-values -n ${COUNTS_XATTR} "$M" 2>/dev/null`;
  return inMount(variant, mounted, script);
}

const openFiles = (mounted: LoopbackMount): string[] =>
  readdirSync(`/proc/${mounted.server.pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${mounted.server.pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });

for (const variant of variants)
  describe.runIf(runsHere(variant))(`a mount by ${variant.name}`, () => {
    test('shows, changes and removes files as the directory beneath has them', async () => {
      const mounted = await mountLoopback(variant);
      const script = `
      cd "$M"
      mkdir -p a/b; printf hello > a/b/file; printf ' world' >> a/b/file
      ln a/b/file hard; ln -s a/b/file soft; mkfifo pipe
      mv hard moved; chmod 640 moved; touch -d '2001-02-03 04:05:06.789012345' moved
      truncate -s 100M sparse
      dd if=/dev/zero of=sparse bs=1M count=3 seek=5 conv=notrunc status=none
      rm a/b/file; cat moved; ls -a`;
      const shown = await inMount(variant, mounted, script);
      expect(shown).toBe('hello world.\n..\na\nmoved\npipe\nsoft\nsparse\n');
      const moved = statSync(join(mounted.source, 'moved'), { bigint: true });
      expect(moved.mode & 0o777n).toBe(0o640n);
      expect(moved.mtimeNs % 1_000_000_000n).toBe(789012345n);
      const sparse = statSync(join(mounted.source, 'sparse'));
      expect(sparse.size).toBe(100 * 2 ** 20);
      expect(sparse.blocks * 512).toBeLessThan(8 * 2 ** 20);
      const stat = (path: string) =>
        run('stat', ['-c', '%s %b %a %u %g %h %y %w', path], asUser(variant));
      for (const name of ['moved', 'sparse', 'a']) {
        const [here, there] = await Promise.all([
          stat(join(mounted.mount, name)),
          stat(join(mounted.source, name)),
        ]);
        expect(here.stdout).toBe(there.stdout);
      }
    });

    test('reads and writes large files whole, and lists large directories whole', async () => {
      const mounted = await mountLoopback(variant);
      const script = `
      cd "$M"
      head -c 20000000 /dev/urandom > big; cp big copy; cmp big copy
      dd if=big of=small-blocks bs=1000 status=none; cmp big small-blocks
      mkdir many; cd many; seq -f 'file-with-a-longer-name-%g' 3000 | xargs touch
      ls | wc -l; ls -l | wc -l
      cd ..; rm -r many; ls many 2>&1 | tail -c 26`;
      const shown = await inMount(variant, mounted, script);
      expect(shown.split('\n').slice(0, 2)).toEqual(['3000', '3001']);
      expect(shown).toMatch(/No such file/);
    });

    test('shows at once what happens beneath, also to a file that is open', async () => {
      const mounted = await mountLoopback(variant);
      writeFileSync(join(mounted.source, 'log'), 'one\n', { mode: 0o666 });
      const tail = spawn('tail', ['-f', '-s', '0.05', join(mounted.mount, 'log')], asUser(variant));
      let seen = '';
      tail.stdout.on('data', (text: Buffer) => {
        seen += text;
      });
      try {
        await until('the first line', () => seen === 'one\n');
        writeFileSync(join(mounted.source, 'log'), 'two\n', { flag: 'a' });
        await until('the second line', () => seen === 'one\ntwo\n');
      } finally {
        tail.kill();
      }
    });

    test.runIf(isRoot)('takes back every node and handle: nothing leaks', async () => {
      const mounted = await mountLoopback(variant);
      const before = openFiles(mounted).length;
      const work = `
      cd "$M"; mkdir d; for i in $(seq 300); do echo $i > d/$i; done
      cat d/* > /dev/null; ls -lR > /dev/null; rm -r d; ls -l > /dev/null`;
      await inMount(variant, mounted, work);
      await until('all nodes to be forgotten', async () => {
        await run('/usr/bin/python3', ['-c', FORGET_NAMES, mounted.mount]);
        return (await counts(variant, mounted)) === '1 0';
      });
      expect(openFiles(mounted).length).toBeLessThanOrEqual(before);
    });

    test('is gone within seconds of a kill -9, and nothing hangs', async () => {
      const mounted = await mountLoopback(variant);
      writeFileSync(join(mounted.source, 'file'), 'x', { mode: 0o666 });
      const script = 'exec 3< "$M/file"; echo open; read -r _; cat <&3';
      const reader = spawn('sh', ['-c', script], {
        env: { ...process.env, M: mounted.mount },
        stdio: ['pipe', 'pipe', 'ignore'],
        ...asUser(variant),
      });
      const ended = once(reader, 'exit');
      await once(reader.stdout, 'data');
      mounted.server.kill('SIGKILL');
      await until('the mount to go', () => mountsOn(mounted.mount).length === 0, 5000);
      reader.stdin.end('\n');
      await ended;
    });

    test('unmounts in order when asked, and refuses while a file is open', async () => {
      const mounted = await mountLoopback(variant);
      const holder = spawn('sh', ['-c', 'cd "$M" && echo in && exec sleep 600'], {
        env: { ...process.env, M: mounted.mount },
        ...asUser(variant),
      });
      try {
        await once(holder.stdout, 'data');
        mounted.server.kill('SIGTERM');
        await until('the refusal', () => /is in use/.test(mounted.complaints()));
        expect(mountsOn(mounted.mount)).toHaveLength(1);
      } finally {
        holder.kill();
      }
      await once(holder, 'exit');
      await run('fusermount3', ['-u', mounted.mount], asUser(variant));
      await until('the server to end', () => mounted.server.exitCode === 0);
      expect(mountsOn(mounted.mount)).toHaveLength(0);
    });

    test('answers EIO when the file system breaks, and keeps serving', async () => {
      const mounted = await mountLoopback(variant, { throwOn: 'cursed' });
      const shown = await inMount(
        variant,
        mounted,
        'cat "$M/cursed" 2>&1 || true; echo fine > "$M/other"; cat "$M/other"',
      );
      expect(shown).toMatch(/Input\/output error\nfine\n$/);
      expect(mounted.complaints()).toMatch(/LOOKUP failed.*a fault that the test asked for/);
    });

    test('survives callers that are interrupted while it works for them', async () => {
      const mounted = await mountLoopback(variant, { slowOn: { name: 'slow', ms: 300 } });
      const script = `
      for i in 1 2 3; do timeout -s INT 0.1 cat "$M/slow" 2>/dev/null && exit 9; done
      timeout -s KILL 0.1 cat "$M/slow" || true
      echo fine > "$M/after"; cat "$M/after"`;
      expect(await inMount(variant, mounted, script)).toBe('fine\n');
    });

    test('is idle when nothing is asked of it', async () => {
      const mounted = await mountLoopback(variant);
      await inMount(variant, mounted, 'for i in $(seq 200); do echo > "$M/x"; done');
      const ticks = (): number => {
        const fields = readFileSync(`/proc/${mounted.server.pid}/stat`, 'utf8')
          .split(') ')[1]
          ?.split(' ');
        return Number(fields?.[11]) + Number(fields?.[12]);
      };
      // A loop that polled for ever would never give a whole second without a tick.
      await until('a second without CPU time', async () => {
        const before = ticks();
        await new Promise((resolve) => setTimeout(resolve, 1000));
        return ticks() === before;
      });
    });
  });

describe.runIf(isRoot)('an aborted connection (as root only)', () => {
  test('fails what waits, ends the server and leaves no mount', async () => {
    const [variant] = variants;
    const mounted = await mountLoopback(variant);
    const minor = mountsOn(mounted.mount)[0]?.minor;
    await run('sh', [
      '-c',
      'mountpoint -q /sys/fs/fuse/connections || mount -t fusectl none /sys/fs/fuse/connections',
    ]);
    writeFileSync(`/sys/fs/fuse/connections/${minor}/abort`, '1');
    await until('the server to end', () => mounted.server.exitCode === 0);
    await until('the mount to go', () => mountsOn(mounted.mount).length === 0, 5000);
  });
});
