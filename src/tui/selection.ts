/**
 * Which row of a list is chosen, and which rows are on the screen. The row is known by its key,
 * so it stays chosen wherever refreshes move it; where it is gone, its neighbour is.
 */
export class Selection {
  private chosen: string | undefined;
  private place = 0;
  private first = 0;

  /** The key of the chosen row; undefined while there was none. */
  get key(): string | undefined {
    return this.chosen;
  }

  /** Chooses a row that may only be there after the next refresh. */
  choose(key: string): void {
    this.chosen = key;
  }

  /** Chooses the row so many rows away, or at an end; `rows` are the keys in order. */
  moveBy(rows: readonly string[], by: number): void {
    this.find(rows);
    this.put(rows, this.place + by);
  }

  /** Chooses what is on a line of the screen, where there is something. */
  chooseLine(rows: readonly string[], line: number): boolean {
    if (rows[this.first + line] === undefined) return false;
    this.put(rows, this.first + line);
    return true;
  }

  /** The range on a screen of so many lines, and the place of the chosen row; -1 for none. */
  window(rows: readonly string[], height: number): { first: number; chosen: number } {
    this.find(rows);
    const highest = Math.max(0, rows.length - height);
    const least = this.place - height + 1;
    this.first = Math.min(Math.max(this.first, least, 0), this.place, highest);
    return { first: this.first, chosen: rows.length === 0 ? -1 : this.place };
  }

  private find(rows: readonly string[]): void {
    if (rows[this.place] === this.chosen && this.chosen !== undefined) return;
    const at = this.chosen === undefined ? -1 : rows.indexOf(this.chosen);
    if (at !== -1) this.place = at;
    else this.put(rows, this.place);
  }

  private put(rows: readonly string[], place: number): void {
    this.place = Math.max(0, Math.min(place, rows.length - 1));
    this.chosen = rows[this.place];
  }
}
