import { defineCommand } from '../command.ts';
import { print } from '../output.ts';

/** For bash, and for zsh's imitation of it, where arrays begin at 1 and offsets need a dollar. */
const BASH = `_taskfs() {
  local IFS=$'\\n'
  COMPREPLY=($("\${COMP_WORDS[@]:0:1}" complete -- "\${COMP_WORDS[@]:1:$COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _taskfs taskfs
`;

const ZSH = `(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
autoload -Uz +X bashcompinit && bashcompinit
${BASH}`;

export const command = defineCommand({
  examples: [
    ['source <(taskfs completion)', 'In ~/.bashrc'],
    ['source <(taskfs completion zsh)', 'In ~/.zshrc'],
  ],
  about: 'Prints a script that completes verbs, options and names of tasks.',
  build: (parser) =>
    parser.positional('shell', {
      choices: ['bash', 'zsh'] as const,
      default: 'bash' as const,
      describe: 'Your shell',
    }),
  run: async ({ options }) => {
    await print(options.shell === 'zsh' ? ZSH : BASH);
    return 0;
  },
});
