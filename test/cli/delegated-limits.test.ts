import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { launcher, newCli } from '../support/cli.ts';

/**
 * The first process of a machine with cgroup v2 alone, which this one need not be: it hands a
 * control group with its controllers to a plain user, as systemd does at log-in.
 */
const MACHINE = `set -e
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/home
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/user
echo '+cpu +memory +pids' > /sys/fs/cgroup/cgroup.subtree_control
chown -R 65534:65534 /sys/fs/cgroup/user /run/home
echo $$ > /sys/fs/cgroup/user/cgroup.procs
setpriv --reuid=65534 --regid=65534 --clear-groups -- bash -c "$SESSION" < /dev/null || true
echo o > /proc/sysrq-trigger
sleep 60`;

/** What the task shows of its group, and does to get past its limits. */
const TASK = `group=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
echo "in $group"
echo limits $(cat "$group/pids.max" "$group/memory.max" "$group/cpu.max")
head -c 300m /dev/zero | tail > /dev/null
echo "took much: $?"
for i in 1 2 3 4 5 6 7 8; do sleep 600 & done
echo "started all"`;

/** As the plain user, under a manager of theirs that knows no other units: those take a while. */
const SESSION = `export HOME=/run/home XDG_RUNTIME_DIR=/run/home SYSTEMD_UNIT_PATH=/run/home/units
export SYSTEMD_GENERATOR_PATH=/none SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/none
mkdir "$SYSTEMD_UNIT_PATH"
for unit in basic.target default.target shutdown.target app.slice; do
  echo '[Unit]' > "$SYSTEMD_UNIT_PATH/$unit"
done
cd "$HOME"
/lib/systemd/systemd --user --log-target=null &
until [ -S "$XDG_RUNTIME_DIR/systemd/private" ]; do sleep 0.1; done
systemd-run --user --scope --quiet -p Delegate=yes -- \\
  "$T" run --pids 5 -m 16m --cpus 1.5 -- sh -c "$TASK" 2>&1`;

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

const canBoot =
  process.geteuid?.() === 0 &&
  existsSync('/usr/bin/linux.uml') &&
  existsSync('/lib/systemd/systemd');

it.runIf(canBoot)(
  'a plain user has limits where systemd delegates (needs root, systemd and user-mode-linux)',
  async () => {
    const { base } = newCli();
    const env = { PATH: process.env.PATH, HOME: base, TMPDIR: base };
    const variables = Object.entries({ PATH: process.env.PATH, T: launcher, TASK, SESSION });
    const exports_ = variables.map(([name, value]) => `export ${name}=${quote(value ?? '')}\n`);
    const init = join(base, 'init');
    writeFileSync(init, `#!/bin/sh\n${exports_.join('')}${MACHINE}\n`, { mode: 0o755 });
    const disk = ['rootfstype=hostfs', 'rootflags=/', 'ro'];
    const console_ = ['con=null', 'con0=null,fd:1', 'quiet', 'loglevel=0'];
    const kernel = ['linux.uml', 'mem=1G', ...disk, ...console_, `init=${init}`];
    const flags = ['--pid', '--fork', '--kill-child'];
    const { stdout } = await promisify(execFile)('unshare', [...flags, ...kernel], {
      env,
      timeout: 110_000,
    });
    expect(stdout).toMatch(/^in .*\/run-\w+\.scope\/taskfs-\d+-[\w-]+-1\r?$/m);
    expect(stdout).toMatch(/^limits 5 16777216 150000 100000\r?$/m);
    expect(stdout).toMatch(/^took much: 137\r?$/m);
    expect(stdout).toContain('annot fork');
    expect(stdout).not.toContain('started all');
    expect(stdout).toContain('out of memory: it reached its limit');
  },
  120_000,
);
