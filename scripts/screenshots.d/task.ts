/**
 * The task of the pictures: a small training run that writes what such runs write, and then goes on
 * until it is cancelled.
 *   node task.ts        writes into $TASKFS_ARTIFACTS
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { barChart } from '../demo.d/png.ts';

const EPOCHS = 12;
const artifacts = process.env.TASKFS_ARTIFACTS ?? '.';
const at = (...parts: string[]): string => join(artifacts, ...parts);

/** Falls as the loss of a training does; the same in every run. */
const lossAt = (step: number): number =>
  2.1 * Math.exp(-step / 9) + 0.22 + 0.06 * Math.sin(step * 5);

const CONFIG = `# How the run was set up.
from dataclasses import dataclass


@dataclass
class Config:
    """Everything that can be changed from outside."""

    layers: int = 12
    learning_rate: float = 3e-4
    data: str = "corpus/2026-10"

    def steps(self, epochs: int) -> int:
        return epochs * 1_000 // self.layers
`;

mkdirSync(at('plots'));
mkdirSync(at('checkpoints'));
writeFileSync(at('config.py'), CONFIG);
writeFileSync(at('metrics.csv'), 'epoch,loss,accuracy\n');
for (let epoch = 1; epoch <= EPOCHS; epoch++) {
  const losses = Array.from({ length: epoch * 2 }, (_, step) => Math.round(lossAt(step) * 1000));
  const loss = lossAt(epoch * 4);
  writeFileSync(at('plots', `loss-${String(epoch).padStart(2, '0')}.png`), barChart(losses));
  writeFileSync(at('checkpoints', `epoch-${epoch}.bin`), Buffer.alloc(epoch * 70_000, epoch));
  appendFileSync(at('metrics.csv'), `${epoch},${loss.toFixed(4)},${(1 - loss / 3).toFixed(4)}\n`);
  for (let percent = 0; percent <= 100; percent += 20) {
    process.stdout.write(`\repoch ${epoch}  [${'#'.repeat(percent / 5).padEnd(20)}] ${percent}%`);
    await sleep(20);
  }
  const colour = loss < 1 ? 32 : 33;
  process.stdout.write(`\repoch ${epoch}  \x1b[${colour}mloss ${loss.toFixed(4)}\x1b[0m\x1b[K\n`);
}
writeFileSync(
  at('report.md'),
  `# Run 17\n\nThe loss fell to **${lossAt(EPOCHS * 4).toFixed(3)}**.\n`,
);
await sleep(600_000);
