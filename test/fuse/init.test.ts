import { describe, expect, test } from 'vitest';
import { INIT, INIT2 } from '../../src/fuse/protocol/constants.ts';
import { MINOR, negotiate, type Offered } from '../../src/fuse/protocol/init.ts';

const WRITEBACK_CACHE = 1 << 16;
const everything: Offered = {
  major: 7,
  minor: 45,
  maxReadahead: 131072,
  flags: 0xffffffff,
  flags2: 0xffffffff,
};

describe('INIT', () => {
  test('agrees on the older of both versions, up and down', () => {
    const minorOf = (minor: number) =>
      negotiate({ ...everything, minor }, { kernelChecksAccess: true });
    expect(minorOf(31).minor).toBe(31);
    expect(minorOf(99).minor).toBe(MINOR);
  });

  test('never takes the writeback cache, and no flag that it was not offered', () => {
    expect(negotiate(everything, { kernelChecksAccess: true }).flags & WRITEBACK_CACHE).toBe(0);
    const modest = { ...everything, flags: INIT.BIG_WRITES | INIT.ASYNC_READ };
    expect(negotiate(modest, { kernelChecksAccess: true }).flags).toBe(
      INIT.BIG_WRITES | INIT.ASYNC_READ,
    );
  });

  test('asks for 1 MiB writes only where the kernel can count their pages', () => {
    expect(negotiate(everything, { kernelChecksAccess: true })).toMatchObject({
      maxWrite: 1024 * 1024,
      maxPages: 256,
    });
    const old = { ...everything, flags: everything.flags & ~INIT.MAX_PAGES };
    expect(negotiate(old, { kernelChecksAccess: true })).toMatchObject({
      maxWrite: 128 * 1024,
      maxPages: 32,
    });
  });

  test('takes extended flags only where they are offered', () => {
    const flags2 = (flags: number) =>
      negotiate({ ...everything, flags }, { kernelChecksAccess: true }).flags2;
    expect(flags2(everything.flags)).toBe(INIT2.NO_EXPORT_SUPPORT);
    expect(flags2(everything.flags & ~INIT.INIT_EXT)).toBe(0);
  });

  test('lets the kernel check access only where others than the owner may enter', () => {
    const acl = (kernelChecksAccess: boolean) =>
      negotiate(everything, { kernelChecksAccess }).flags & INIT.POSIX_ACL;
    expect(acl(true)).toBe(INIT.POSIX_ACL);
    expect(acl(false)).toBe(0);
  });
});
