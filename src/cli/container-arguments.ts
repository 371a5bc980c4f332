import { TaskfsError } from '../errors.ts';
import type {
  Device,
  PublishedPort,
  Tmpfs,
  Ulimit,
  Volume,
} from '../runner/engines/container/index.ts';
import { absolutePath } from '../store/index.ts';
import { parseBytes } from './units.ts';

/** docker's notation of what a container gets, each as docker reads it. All throw `usage`. */

function refuse(option: string, text: string, hint: string): TaskfsError {
  return new TaskfsError('usage', `'${text}' cannot be the value of ${option}`, { hint });
}

/** A source with a slash, or `.`, is a path; else it is the name of a volume. */
const sourceOf = (text: string): string =>
  text.includes('/') || text.startsWith('.') ? absolutePath(text) : text;

/** `HOST:CONTAINER[:ro,z]`, of -v. */
export function parseVolume(text: string): Volume {
  const [source, target, mode, ...more] = text.split(':');
  const words = mode?.split(',') ?? [];
  const isKnown = words.every((word) => /^(ro|rw|z|Z)$/.test(word));
  if (source && target && isKnown && more.length === 0) {
    const relabel = words.find((word) => word === 'z' || word === 'Z');
    return {
      source: sourceOf(source),
      target,
      readOnly: words.includes('ro'),
      ...(relabel !== undefined && { relabel }),
    };
  }
  throw refuse(
    '-v',
    text,
    'Give HOST:CONTAINER or VOLUME:CONTAINER, and after another colon ro, z or Z, ' +
      'as in ./data:/data:ro,z.',
  );
}

/** `type=bind,source=./data,target=/data,readonly`, of --mount; `tmpfs-size` and `tmpfs-mode`. */
export function parseMount(text: string): { readonly volume: Volume } | { readonly tmpfs: Tmpfs } {
  const pairs = text.split(',').map((part) => part.split('='));
  const fields = new Map(pairs.map(([name = '', ...value]) => [name, value.join('=')]));
  const get = (...names: string[]): string | undefined =>
    names.map((name) => fields.get(name)).find((value) => value !== undefined);
  const type = get('type') ?? 'volume';
  const [source, target] = [get('source', 'src'), get('target', 'destination', 'dst')];
  const readOnly = /^(true|1|)$/.test(get('readonly', 'ro') ?? 'false');
  if (target && type === 'tmpfs' && source === undefined) {
    const size = get('tmpfs-size');
    const sizeBytes = size === undefined ? null : parseBytes('tmpfs-size', size);
    const mode = get('tmpfs-mode');
    return { tmpfs: { target, sizeBytes, mode: mode === undefined ? null : parseInt(mode, 8) } };
  }
  if (target && source && (type === 'bind' || type === 'volume')) {
    const from = type === 'bind' ? absolutePath(source) : source;
    return { volume: { source: from, target, readOnly } };
  }
  throw refuse('--mount', text, 'As in type=bind,source=./data,target=/data,readonly.');
}

/** `/run[:size=64m,mode=1777]`, of --tmpfs. */
export function parseTmpfs(text: string): Tmpfs {
  const [target = '', words = ''] = text.split(':');
  const fields = new Map(
    words
      .split(',')
      .map((word) => word.split('='))
      .map(([name = '', value]) => [name, value]),
  );
  const unknown = [...fields.keys()].find((name) => !['', 'size', 'mode', 'rw'].includes(name));
  if (unknown !== undefined) throw refuse('--tmpfs', text, 'As in /run:size=64m,mode=1777.');
  const [size, mode] = [fields.get('size'), fields.get('mode')];
  return {
    target,
    sizeBytes: size === undefined ? null : parseBytes('--tmpfs size', size),
    mode: mode === undefined ? null : Number.parseInt(mode, 8),
  };
}

/** `[IP:][HOST:]CONTAINER[/udp]`, of -p; without a port of the host, the engine chooses one. */
export function parsePort(text: string): PublishedPort {
  const [, ip, host, container, protocol] =
    /^(?:(\[[0-9a-f:.]+\]|[\d.]+):(?=\d*:))?(?:(\d*):)?(\d+)(?:\/(tcp|udp|sctp))?$/.exec(text) ??
    [];
  if (container === undefined) throw refuse('-p', text, 'As in 8080:80 or 127.0.0.1:8080:80/tcp.');
  return {
    hostIp: ip?.replace(/[[\]]/g, '') ?? '',
    hostPort: host ?? '',
    container: `${container}/${protocol ?? 'tcp'}`,
  };
}

/** `/dev/x[:/dev/y][:rwm]`, of --device. */
export function parseDevice(text: string): Device {
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const permissions = parts.length > 1 && /^[rwm]+$/.test(last) ? (parts.pop() ?? 'rwm') : 'rwm';
  const [host = '', container = host, ...more] = parts;
  if (!host.startsWith('/') || more.length > 0) {
    throw refuse('--device', text, 'As in /dev/kvm or /dev/sda:/dev/xvda:r.');
  }
  return { host, container, permissions };
}

/** `nofile=1024[:2048]`, of --ulimit; -1 is unlimited. */
export function parseUlimit(text: string): Ulimit {
  const [, name, soft, hard] = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(text) ?? [];
  if (name === undefined) throw refuse('--ulimit', text, 'As in nofile=1024:2048.');
  return { name, soft: Number(soft), hard: Number(hard ?? soft) };
}

/** `all` or a number of GPUs, or `device=0,1`, of --gpus. */
export function parseGpus(text: string): { readonly count: number } | { readonly ids: string[] } {
  if (text === 'all') return { count: -1 };
  if (/^[1-9]\d*$/.test(text)) return { count: Number(text) };
  const [, ids] = /^"?device=([^"]+)"?$/.exec(text) ?? [];
  if (ids !== undefined) return { ids: ids.split(',') };
  throw refuse('--gpus', text, "As in all, 2, or 'device=0,1'.");
}
