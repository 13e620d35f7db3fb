/** Kubernetes quantities such as 250m, 64Mi and 4G as plain numbers. */

const FACTORS: Record<string, number> = {
  '': 1,
  m: 0.001,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

/** Zero for what is no quantity. */
export const quantity = (value: unknown): number => {
  const parts = /^([0-9.]+)([A-Za-z]*)$/.exec(String(value ?? ''));
  return parts ? Number(parts[1]) * (FACTORS[parts[2] ?? ''] ?? 0) : 0;
};
