/** A calm caller as a process of its own (calm.ts runs it): whoever makes a storm would else wait for himself. Its URL comes as an argument. */
import { waitsOf } from './streams.ts';

export type CalmOrder = 'end' | { least: number };

const [url = ''] = process.argv.slice(2);
let end = (): void => {};
const begin = async (least: number): Promise<void> => {
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  process.send?.(await waitsOf(url, over, least));
};
process.on('message', (order: CalmOrder) => (order === 'end' ? end() : void begin(order.least)));
process.on('disconnect', () => process.exit());
process.send?.('ready');
