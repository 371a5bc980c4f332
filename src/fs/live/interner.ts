/** Values by short numbers, given at first sight and kept. */
export class Interner<T> {
  private readonly values: T[] = [];
  private readonly numbers = new Map<T, number>();

  numberOf(value: T): number {
    const known = this.numbers.get(value);
    if (known !== undefined) return known;
    const number = this.values.push(value) - 1;
    this.numbers.set(value, number);
    return number;
  }

  /** The value of a number that was given. */
  at(number: number): T {
    return this.values[number] as T;
  }
}
