import { bindLazily, check, cstring } from './libc.ts';

/** mount(2) and umount2(2). */

const c = {
  mount: bindLazily(
    'int mount(const void *, const void *, const void *, unsigned long, const void *)',
  ),
  umount2: bindLazily('int umount2(const void *, int)'),
};

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
/** Linux 5.10 and later; older ones take no notice of it. */
export const MS_NOSYMFOLLOW = 256;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

/** Mounts `source` of a file system type on a directory, with the type's own options. */
export function mountOn(
  source: string,
  directory: string,
  type: string,
  flags: number,
  options: string,
): void {
  check(c.mount(cstring(source), cstring(directory), cstring(type), flags, cstring(options)));
}

/** Unmounts a directory; EBUSY while it is in use, unless MNT_DETACH. */
export function unmountFrom(directory: string, flags = 0): void {
  check(c.umount2(cstring(directory), flags));
}
