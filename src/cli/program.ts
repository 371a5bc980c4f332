/** Runs taskfs with the arguments that it was called with, and returns the exit code; all is printed then. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const { installStandardStreams } = await import('./standard-streams.ts');
  const { ignoreInheritedSignals } = await import('../process/index.ts');
  // Before anything looks at process.stdout, which would make it non-blocking.
  installStandardStreams();
  ignoreInheritedSignals();
  const { runCommandLine } = await import('./command-line.ts');
  const { rawArguments } = await import('../process/index.ts');
  const { drainStreams, tolerateBrokenOutput } = await import('./output.ts');
  tolerateBrokenOutput();
  const code = await runCommandLine(rawArguments(args));
  await drainStreams();
  return code;
}
