/** Runs taskfs with the arguments that it was called with, and returns the exit code; all is printed then. */
export async function runProgram(args: readonly string[]): Promise<number> {
  if (args[0] === 'supervise') {
    // What `run -d` leaves behind lives as long as its task: without the parser it is 15 MiB smaller.
    const { supervise } = await import('./supervise.ts');
    return supervise(args.slice(1));
  }
  const { runCommandLine } = await import('./command-line.ts');
  const { flushOutput, tolerateClosedPipes } = await import('./output.ts');
  tolerateClosedPipes();
  const code = await runCommandLine(args);
  await flushOutput();
  return code;
}
