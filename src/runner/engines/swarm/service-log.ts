import { type Client, send } from '../docker/client.ts';
import { splitFrames } from '../docker/frames.ts';
import type { LogOffsets } from '../docker/log-offsets.ts';
import type { Output } from '../engine.ts';

/**
 * Hands on what a service printed beyond what was handed on already. With `signal` it follows the
 * log until that is aborted; without, it ends with what the log holds now.
 */
export async function readServiceLog(
  docker: Client,
  service: string,
  offsets: LogOffsets,
  output: Output,
  signal?: AbortSignal,
): Promise<void> {
  const skip = { ...offsets.counts };
  const follow = signal !== undefined;
  const source = await openLog(docker, service, follow);
  const close = (): void => void source.destroy();
  signal?.addEventListener('abort', close);
  try {
    if (signal?.aborted) return;
    for await (const { stream, bytes } of splitFrames(source)) {
      if (stream === 'system') {
        // What it cannot follow any more may still be read once the task has ended.
        if (!follow) output.cut?.(bytes.toString().trim());
        continue;
      }
      const known = Math.min(skip[stream], bytes.length);
      skip[stream] -= known;
      const fresh = bytes.subarray(known);
      if (fresh.length === 0) continue;
      offsets.enter(stream, fresh.length);
      await output.write(stream, fresh);
    }
  } catch (error) {
    // Cut off: whoever follows reads the rest when the task has ended.
    if (!follow) throw error;
  } finally {
    signal?.removeEventListener('abort', close);
    close();
  }
}

type Log = AsyncIterable<Buffer> & { destroy(): void };

/**
 * dockerode's own call reads the whole answer where it
 * should follow: the answer is asked for as a stream.
 */
const openLog = ({ modem }: Client, service: string, follow: boolean): Promise<Log> =>
  send(modem, {
    method: 'GET',
    path: `/services/${service}/logs`,
    query: { stdout: true, stderr: true, follow },
    isStream: true,
  });
