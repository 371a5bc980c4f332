import type { Agent } from 'node:http';
import { Duplex } from 'node:stream';

/**
 * Connections to an engine on another machine, each by the ssh program
 * and `docker system dial-stdio` over there, as the docker command
 * makes them: with the caller's own keys, hosts and settings of ssh.
 */
export function createSshAgent(url: URL): Agent {
  // A connection takes a second to make: one that is free serves the next request.
  const http = process.getBuiltinModule('node:http');
  const agent = new http.Agent({ keepAlive: true });
  const reuse = { keepSocketAlive: () => true, reuseSocket: () => {} };
  return Object.assign(agent, reuse, { createConnection: () => dial(sshArguments(url)) });
}

function sshArguments({ username, hostname, port }: URL): string[] {
  return [
    ...['-o', 'ConnectTimeout=30', '-o', 'BatchMode=yes', '-T'],
    ...(username ? ['-l', decodeURIComponent(username)] : []),
    ...(port ? ['-p', port] : []),
    ...['--', hostname, 'docker', 'system', 'dial-stdio'],
  ];
}

function dial(args: readonly string[]): Duplex {
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout, stderr } = child;
  let words = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  const connection = new Duplex({
    read: () => void stdout.resume(),
    // Why ssh does not read is reported when it ends.
    write: (chunk, _encoding, done) => void stdin.write(chunk, () => done()),
    final: (done) => void stdin.end(() => done()),
    destroy: (error, done) => {
      child.kill();
      done(error);
    },
  });
  stdin.on('error', () => {});
  stdout.on('data', (chunk) => {
    if (!connection.push(chunk)) stdout.pause();
  });
  child.on('error', ({ message }) => connection.destroy(sshError(message)));
  child.on('close', (code) => {
    if (code === 0) connection.push(null);
    else connection.destroy(sshError(words.trim() || `ssh ended with ${code}`));
  });
  return connection;
}

/** With a code, as errors of other connections have. */
const sshError = (message: string): Error => Object.assign(new Error(message), { code: 'ESSH' });
