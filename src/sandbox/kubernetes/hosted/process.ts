/** What a simulated program is to the kubelet that runs it. */

export type Verdict =
  | { state: 'ready' }
  /** It runs and its readiness probe fails; the line goes to its log. */
  | { state: 'waiting'; log: string }
  /** It ended; the kubelet starts it again after a while. */
  | { state: 'crashed'; log: string }
  /** Every container came to its end; for pods that are not started again. */
  | { state: 'ended'; containers: Record<string, { code: number; said: string }> };

export interface Process {
  /** Asked whenever something near it changed. May be called often, so what cannot change is checked at the start. */
  check(): Verdict;
  stop(): void;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
