import { defineCommand } from '../command.ts';
import { print } from '../output.ts';

/**
 * bash breaks words at colons, which only its own words show, and leaves quotes and backslashes in
 * them; what replaces a word has to be quoted, and begins behind its last colon.
 */
const BASH = `_taskfs() {
  local line=\${COMP_LINE:0:COMP_POINT} quoted= words found reply typed
  if [[ $line == *[\\'\\"]* ]]; then
    quoted=1
    words=("\${COMP_WORDS[@]:0:COMP_CWORD+1}")
    words[COMP_CWORD]=\${words[COMP_CWORD]#[\\'\\"]}
  else
    IFS=$' \\t' read -a words <<<"$line"
    [[ $line == *[^\\\\][[:blank:]] ]] && words+=('')
  fi
  typed=\${words[\${#words[@]}-1]}
  mapfile -t found < <("\${words[0]}" complete -- "\${words[@]:1}" 2>/dev/null)
  COMPREPLY=()
  for reply in "\${found[@]}"; do
    [[ $COMP_WORDBREAKS == *:* ]] && reply=\${reply#"\${typed%"\${typed##*:}"}"}
    [[ $quoted ]] || printf -v reply %q "$reply"
    COMPREPLY+=("$reply")
  done
  [[ \${#COMPREPLY[@]} == 1 && $COMPREPLY == *[/:] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -o default -F _taskfs taskfs
`;

const ZSH = `#compdef taskfs
_taskfs() {
  local -a before=("\${(@Q)words[1,CURRENT-1]}")
  local output="$("$before[1]" complete -- "\${(@)before[2,-1]}" "\${(Q)PREFIX}" 2>/dev/null)"
  local -a found=(\${(f)output})
  local -a parts=(\${(M)found:#*[/:]}) whole=(\${found:#*[/:]})
  (( $#found )) || { _default; return }
  compadd -S '' -a parts
  compadd -a whole
}
if [[ $funcstack[1] == _taskfs ]]; then
  _taskfs "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
  compdef _taskfs taskfs
fi
`;

/** fish passes the words so far, and the unfinished one. A directory is completed further. */
const FISH = `function __taskfs
  set -l words (commandline -opc) (commandline -ct | string unescape)
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
