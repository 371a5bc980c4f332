/**
 * What people do with files, as shell scripts: each runs in an empty directory, once on a plain
 * disk and once in live/, and must print the same. So a script prints what its programs say and
 * what the files are afterwards, and nothing that differs from run to run (times, inode numbers).
 */
export interface ProgramScript {
  readonly name: string;
  /** Programs that must be there. */
  readonly needs: readonly string[];
  readonly script: string;
  /**
   * What the fuse-native package cannot do, in words: with libfuse the script is known to differ.
   */
  readonly libfuseShortfall?: string;
  /** It maps files shared to write them, which is refused through FUSE. */
  readonly mapsShared?: true;
}

const GIT = `
export GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
`;

/** What every file is: type, mode, size, target and content. */
const DESCRIBE = `
describe() {
  find "$1" -mindepth 1 -printf '%P %y %m %l\\n' | sort
  find "$1" -type f -print0 | sort -z | xargs -0 -r sha256sum
}
`;

export const scripts: readonly ProgramScript[] = [
  {
    name: 'git: init, commit, branch, merge, clone, gc, fsck, status',
    needs: ['git'],
    script: `${GIT}
git init -q -b main one && cd one
for i in $(seq 60); do mkdir -p d$((i % 7)); echo "file $i" > d$((i % 7))/f$i; done
git add . && git commit -q -m first && git rev-parse HEAD
git checkout -q -b side && echo side >> d1/f1 && git commit -q -am side
git checkout -q main && echo main >> d2/f2 && git commit -q -am main
git merge -q --no-edit side && git rev-parse HEAD^{tree}
git gc -q && git fsck --strict --no-progress 2>&1 && git status --short
cd .. && git clone -q one two && cd two && git log --format=%s | sort && git status --porcelain
git mv d3/f3 moved && git stash -q && git stash pop -q && git status --porcelain`,
  },
  {
    name: 'tar: out and in, with modes, links and sparse files',
    needs: ['tar'],
    script: `${DESCRIBE}
mkdir -p tree/a/b && echo x > tree/a/x && ln tree/a/x tree/a/y && ln -s x tree/a/l
chmod 751 tree/a/b
truncate -s 3M tree/sparse && printf end >> tree/sparse
tar -C tree -cSf all.tar . && mkdir back && tar -C back -xpSf all.tar
describe back && stat -c '%h' back/a/x && cmp tree/sparse back/sparse &&
  test $(stat -c %b back/sparse) -lt 100
tar -C tree --diff -f all.tar && echo same`,
  },
  {
    name: 'rsync -aHAX both ways',
    needs: ['rsync'],
    script: `${DESCRIBE}
mkdir -p from/d && echo one > from/one && ln from/one from/two && ln -s one from/l
chmod 640 from/one
touch -d '2001-02-03 04:05:06.789' from/one from/d
rsync -aHAX from/ to/ && describe to && stat -c '%Y %h' to/one
rsync -aHAXi from/ to/ && rsync -aHAXi to/ from/ && echo nothing to do
echo more >> to/one && rsync -aHAX --inplace to/ from/ && cat from/two`,
    libfuseShortfall: 'modification times are lost',
  },
  {
    name: 'sqlite3 in WAL mode, two writers, integrity_check',
    mapsShared: true,
    needs: ['sqlite3'],
    script: `
sqlite3 db 'pragma journal_mode=wal; create table t(a integer primary key, b text);'
add() {
  for i in $(seq 20); do
    echo "pragma busy_timeout=30000; begin immediate; insert into t(b) values('$1-$i'); commit;"
  done | sqlite3 db > /dev/null
}
add one & add two & wait
sqlite3 db "select count(*), count(distinct b) from t; pragma integrity_check;"
sqlite3 db 'pragma wal_checkpoint(truncate); vacuum; pragma integrity_check;'`,
  },
  {
    name: 'vim: save in place, with backup, by rename',
    needs: ['vim'],
    script: `${DESCRIBE}
save() { vim -Nu NONE -n -es -c "$1" -c 'normal Gosaved' -c wq text < /dev/null; }
echo first > text && chmod 640 text && ln text other
save 'set nobackup nowritebackup' && cat text
save 'set backup backupskip= backupcopy=yes' && cat text && cat text~
save 'set backup backupskip= backupcopy=no' && cat text
describe .`,
  },
  {
    name: 'nano: edit and save, with a backup file',
    needs: ['nano', 'script'],
    script: `
echo first > text
(sleep 1; for keys in 'typed\\r' '\\017' '\\r' '\\030'; do printf $keys; sleep 0.5; done) |
  TERM=xterm script -qec 'nano --ignorercfiles --backup text' /dev/null > /dev/null
cat text && cat text~`,
  },
  {
    name: 'rg and grep find the same',
    needs: ['rg'],
    script: `
for i in $(seq 200); do d=d$((i % 9)); mkdir -p $d; echo "line $i needle$((i % 10))" > $d/f$i; done
rg -l --no-config --sort path needle3 . && grep -rl needle3 . | sort &&
  rg -c --no-config --sort path line . | wc -l`,
  },
  {
    name: 'gcc: compile, link, archive and run',
    needs: ['gcc', 'ar'],
    script: `
printf 'int twice(int n) { return 2 * n; }\\n' > twice.c
printf '#include <stdio.h>\\nint twice(int);\\n' > main.c
printf 'int main(void) { printf("%%d\\\\n", twice(21)); return 0; }\\n' >> main.c
gcc -c twice.c && ar rcs libtwice.a twice.o && gcc -o program main.c -L. -ltwice && ./program
gcc -shared -fPIC -o libtwice.so twice.c && gcc -o shared main.c ./libtwice.so && ./shared`,
  },
  {
    name: 'cp --sparse and cp -a keep holes and attributes',
    needs: ['cp'],
    script: `
truncate -s 8M holes && printf middle | dd of=holes bs=1 seek=4000000 conv=notrunc status=none
cp --sparse=always holes one && cp -a holes two && cmp holes one && cmp holes two
for f in one two; do test $(stat -c %b $f) -lt 200 && echo "$f is sparse"; done`,
  },
  {
    name: 'dd with O_DIRECT, and mixed with cached reads',
    needs: ['dd'],
    script: `
yes taskfs | head -c 1048576 > plain
dd if=plain of=direct bs=64k oflag=direct status=none && cmp plain direct
dd if=direct bs=64k iflag=direct status=none | sha256sum
dd if=/dev/zero of=direct bs=64k count=1 seek=3 oflag=direct conv=notrunc status=none &&
  sha256sum < direct`,
  },
  {
    name: 'fio: verified random writes, by write and by mmap',
    mapsShared: true,
    needs: ['fio'],
    script: `
for engine in psync mmap; do
  fio --name=t --filename=data.$engine --size=4m --bs=4k --rw=randwrite --ioengine=$engine \\
    --randseed=7 --verify=crc32c --do_verify=1 --output-format=terse > out 2>&1 &&
    echo "$engine verified"
done`,
  },
  {
    name: 'tail -f follows what is appended',
    needs: ['tail'],
    script: `
: > log && { timeout 20 tail -n +1 -f log > seen & pid=$!; }
for i in 1 2 3; do echo line $i >> log; sleep 0.2; done
for i in $(seq 100); do test $(wc -l < seen) = 3 && break; sleep 0.1; done
kill $pid; cat seen`,
  },
  {
    name: 'npm: pack, install and run',
    needs: ['npm'],
    script: `${DESCRIBE}
export npm_config_cache="$PWD/cache" npm_config_update_notifier=false
export npm_config_fund=false npm_config_audit=false
mkdir -p lib app
echo '{"name":"lib","version":"1.0.0","bin":{"say":"say.js"}}' > lib/package.json
printf '#!/usr/bin/env node\\nconsole.log("said");\\n' > lib/say.js && chmod +x lib/say.js
(cd lib && npm pack --silent) &&
  echo '{"name":"app","version":"1.0.0","scripts":{"go":"say"}}' > app/package.json
cd app && npm install --silent --offline ../lib/lib-1.0.0.tgz && npm run --silent go
find node_modules ! -name .package-lock.json -printf '%P %y %l\\n' | sort`,
  },
  {
    name: 'shell tools: sort -u, split, join, xargs, install, mktemp, find -delete',
    needs: ['install'],
    script: `
seq 5000 | sort -r | sort -n -u -o sorted && wc -l < sorted
split -l 700 sorted part. && cat part.* | cmp - sorted
install -D -m 750 sorted deep/down/copy && stat -c %a deep/down/copy
for i in 1 2 3; do mktemp -p . tmp.XXXXXX > /dev/null; done && ls tmp.* | wc -l
find . -name 'tmp.*' -delete && find . -name 'part.*' -print0 | xargs -0 rm
ls && rm -r deep && ls`,
  },
];
