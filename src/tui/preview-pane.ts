import { type FindIdentities, openTree } from '../artifacts/index.ts';
import { messageOf } from '../errors.ts';
import { makeRaster, type Preview, previewArtifact, showFacts } from '../preview/index.ts';
import { printableText } from '../printable.ts';
import { showBytes } from '../quantities.ts';
import type { Store, TaskName } from '../store/index.ts';
import { type Capabilities, halfBlocks, type StyledLine } from '../terminal/index.ts';
import { printableName } from '../watch/index.ts';
import type { Pane, PaneView } from './pane.ts';

/** No more lines are made: the pane is for a look. */
const MOST_LINES = 500;

/** What is shown, and as it was then. */
export interface PreviewSubject {
  readonly task: TaskName;
  readonly path: Buffer;
  /** Another one for each state of the file. */
  readonly version: string;
}

/** A file's preview; made anew when the file changes. */
export class PreviewPane implements Pane {
  private readonly store: Store;
  private readonly findIdentities: FindIdentities;
  private readonly capabilities: Capabilities;
  private readonly changed: () => void;
  private subject: PreviewSubject | undefined;
  private lines: readonly StyledLine[] = [];
  private title: StyledLine = [];
  private top = 0;
  private size = { columns: 80, height: 10 };
  /** What is being made; another is made after it. */
  private making: Promise<void> | undefined;
  private made = '';

  constructor(
    store: Store,
    findIdentities: FindIdentities,
    capabilities: Capabilities,
    changed: () => void,
  ) {
    this.store = store;
    this.findIdentities = findIdentities;
    this.capabilities = capabilities;
    this.changed = changed;
  }

  /** Shows a file from now on. */
  show(subject: PreviewSubject): void {
    const isOther = !this.subject || !isSameFile(this.subject, subject);
    if (isOther) {
      this.top = 0;
      this.lines = [];
      this.title = [{ text: printableName(subject.path) }];
    }
    this.subject = subject;
    this.refresh();
  }

  moveBy(lines: number): void {
    const most = Math.max(0, this.lines.length - this.size.height);
    this.top = Math.max(0, Math.min(most, this.top + lines));
  }

  click(): void {}

  view(columns: number, height: number): PaneView {
    this.size = { columns, height };
    this.refresh();
    const lines = this.lines.slice(this.top, this.top + height);
    return { title: this.title, lines: lines.map((left) => ({ left, right: '' })) };
  }

  private refresh(): void {
    const { subject, size } = this;
    if (!subject || this.making) return;
    const wanted =
      `${subject.task}/${subject.path.toString('latin1')} ${subject.version} ` +
      `${size.columns}x${size.height}`;
    if (wanted === this.made) return;
    this.made = wanted;
    this.making = this.make(subject).finally(() => {
      this.making = undefined;
      this.changed();
    });
  }

  private async make({ task, path }: PreviewSubject): Promise<void> {
    try {
      using tree = await openTree(this.store, task, this.findIdentities);
      using node = tree.find(path, 'follow');
      const extent = { lines: MOST_LINES, columns: this.size.columns };
      const preview = await previewArtifact(node, path, extent);
      const facts = [
        printableName(path.length === 0 ? Buffer.from('.') : path),
        preview.content?.mime ?? preview.type,
        ...(preview.content ? [showBytes(node.artifact.size)] : []),
        ...showFacts(preview.facts),
      ];
      this.title = [{ text: facts.join('  ') }];
      this.lines = preview.picture ? await this.picture(preview) : preview.lines;
    } catch (error) {
      this.lines = [[{ text: printableText(messageOf(error)), styles: ['yellow'] }]];
    }
  }

  private async picture({ picture }: Preview): Promise<readonly StyledLine[]> {
    const { palette, charset } = this.capabilities;
    const hasColours = palette === 'truecolour' || palette === '256';
    if (!picture || !hasColours || charset === 'ascii') return [];
    const { columns, height } = this.size;
    return halfBlocks(await makeRaster(picture, columns, height * 2));
  }
}

const isSameFile = (a: PreviewSubject, b: PreviewSubject): boolean =>
  a.task === b.task && a.path.equals(b.path);
