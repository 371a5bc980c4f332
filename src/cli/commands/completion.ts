import { defineCommand } from '../command.ts';
import { print } from '../output.ts';

/** For bash, and for zsh's imitation of it, where arrays begin at 1 and offsets need a dollar. */
const BASH = `_taskfs() {
  local IFS=$'\\n'
  COMPREPLY=($("\${COMP_WORDS[@]:0:1}" complete -- "\${COMP_WORDS[@]:1:$COMP_CWORD}" 2>/dev/null))
  [[ "\${COMPREPLY[*]}" == *[/:] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -o default -F _taskfs taskfs
`;

const ZSH = `(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
autoload -Uz +X bashcompinit && bashcompinit
${BASH}`;

/** fish passes the words so far, and the unfinished one. A directory is completed further. */
const FISH = `function __taskfs
  set -l words (commandline -opc) (commandline -ct)
  $words[1] complete -- $words[2..] 2>/dev/null
end
complete -c taskfs -f -a '(__taskfs)'
complete -c taskfs -F -n '__fish_seen_subcommand_from run mount import receive export cp'
`;

const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const;

export const command = defineCommand({
  examples: [
    ['source <(taskfs completion)', 'In ~/.bashrc'],
    ['source <(taskfs completion zsh)', 'In ~/.zshrc'],
    ['taskfs completion fish | source', 'In ~/.config/fish/config.fish'],
  ],
  about: 'Prints a script that completes verbs, options, names of tasks and paths in their files.',
  build: (parser) =>
    parser.positional('shell', {
      choices: ['bash', 'zsh', 'fish'] as const,
      default: 'bash' as const,
      describe: 'Your shell',
    }),
  run: async ({ options }) => {
    await print(SCRIPTS[options.shell]);
    return 0;
  },
});
