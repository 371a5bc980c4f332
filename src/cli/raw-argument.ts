import { readFileSync } from 'node:fs';

const REPLACEMENT = '\ufffd';

/**
 * The bytes of an argument as they were typed. Node decodes arguments as UTF-8 and loses what is
 * none, but a file's name may be any bytes: those come from the kernel's copy of the command line.
 */
export function rawArgument(text: string): Buffer {
  if (!text.includes(REPLACEMENT)) return Buffer.from(text);
  const typed = rawArguments().findLast((bytes) => bytes.toString('utf8') === text);
  return typed ?? Buffer.from(text);
}

function rawArguments(): Buffer[] {
  try {
    return split(readFileSync('/proc/self/cmdline'));
  } catch {
    return [];
  }
}

function split(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    parts.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return parts;
}
