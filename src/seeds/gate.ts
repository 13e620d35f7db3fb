/** Keeps the number of calls under way to one API small, so that they share few connections. */

/** Lets `size` callers in at a time, in the order they came; rejects those still waiting at their deadline. */
export const createGate = (size: number, onTimeout: () => Error): ((deadline: number) => Promise<() => void>) => {
  const waiting: (() => void)[] = [];
  let free = size;
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  const pass = (): (() => void) => {
    let left = false;
    return () => {
      if (!left) leave();
      left = true;
    };
  };
  return (deadline) => {
    if (free > 0) {
      free -= 1;
      return Promise.resolve(pass());
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        resolve(pass());
      };
      const timer = setTimeout(
        () => {
          waiting.splice(waiting.indexOf(enter), 1);
          reject(onTimeout());
        },
        Math.max(1, deadline - performance.now()),
      );
      waiting.push(enter);
    });
  };
};
