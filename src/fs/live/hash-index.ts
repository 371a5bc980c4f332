/**
 * Finds rows by a hash of theirs: a hash table with open addressing, four bytes a place. Whoever
 * asks compares the rows itself.
 */
export class HashIndex {
  /** Row + 1, or 0. A power of two, never more than half full. */
  private places = new Uint32Array(2048);
  private count = 0;
  private readonly hashOf: (row: number) => number;

  constructor(hashOf: (row: number) => number) {
    this.hashOf = hashOf;
  }

  /** The first row of this hash for which `isIt` holds. */
  find(hash: number, isIt: (row: number) => boolean): number | undefined {
    const mask = this.places.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const row = (this.places[place] ?? 0) - 1;
      if (row < 0) return undefined;
      if (isIt(row)) return row;
    }
  }

  add(row: number): void {
    if (++this.count * 2 > this.places.length) this.grow();
    this.put(row);
  }

  remove(row: number): void {
    const mask = this.places.length - 1;
    let hole = this.hashOf(row) & mask;
    for (; this.places[hole] !== row + 1; hole = (hole + 1) & mask) {
      if (this.places[hole] === 0) return;
    }
    this.count--;
    // Whoever had to go past the hole to find its place moves into it.
    for (let place = (hole + 1) & mask; this.places[place] !== 0; place = (place + 1) & mask) {
      const moving = this.places[place] ?? 0;
      const home = this.hashOf(moving - 1) & mask;
      if (((place - home) & mask) < ((place - hole) & mask)) continue;
      this.places[hole] = moving;
      hole = place;
    }
    this.places[hole] = 0;
  }

  private put(row: number): void {
    const mask = this.places.length - 1;
    let place = this.hashOf(row) & mask;
    while (this.places[place] !== 0) place = (place + 1) & mask;
    this.places[place] = row + 1;
  }

  private grow(): void {
    const { places } = this;
    this.places = new Uint32Array(places.length * 2);
    for (const entry of places) if (entry !== 0) this.put(entry - 1);
  }
}
