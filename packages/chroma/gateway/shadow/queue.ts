/** Work in the background, such as a read that is compared. */
export interface BackgroundTask {
  readonly tenantId: string;
  /** Bytes that it keeps in memory until it ends. */
  readonly bytes: number;
  /** Must not throw. */
  readonly run: () => Promise<void>;
}

export interface BackgroundQueue {
  /** Queues a task. False: a limit is reached, and the task will not run. */
  add(task: BackgroundTask): boolean;
  /** Drops the tasks that wait, and resolves with their number when the running ones have ended. */
  close(): Promise<number>;
}

export interface BackgroundLimits {
  /** Tasks at once. */
  readonly running: number;
  /** Tasks of one tenant at once. */
  readonly runningPerTenant: number;
  /** Tasks that wait. */
  readonly queued: number;
  /** Tasks of one tenant that wait. */
  readonly queuedPerTenant: number;
  /** Bytes of all tasks together. */
  readonly bytes: number;
}

/** Runs tasks in order of arrival, but no more of one tenant at once than allowed. */
export function createBackgroundQueue(limits: BackgroundLimits): BackgroundQueue {
  const waiting: BackgroundTask[] = [];
  const running = new Map<Promise<void>, BackgroundTask>();
  let bytes = 0;
  let isClosed = false;

  function start(): void {
    while (running.size < limits.running) {
      const next = waiting.findIndex(({ tenantId }) => countOf(running.values(), tenantId) < limits.runningPerTenant);
      const [task] = next < 0 ? [] : waiting.splice(next, 1);
      if (!task) return;
      const work = task.run().finally(() => {
        running.delete(work);
        bytes -= task.bytes;
        start();
      });
      running.set(work, task);
    }
  }

  return {
    add(task) {
      const isFull =
        waiting.length >= limits.queued ||
        countOf(waiting, task.tenantId) >= limits.queuedPerTenant ||
        bytes + task.bytes > limits.bytes;
      if (isClosed || isFull) return false;
      bytes += task.bytes;
      waiting.push(task);
      setImmediate(start); // after the response of the request that is handled now
      return true;
    },
    async close() {
      isClosed = true;
      const dropped = waiting.splice(0).length;
      await Promise.all(running.keys());
      return dropped;
    },
  };
}

function countOf(tasks: Iterable<BackgroundTask>, tenantId: string): number {
  let count = 0;
  for (const task of tasks) if (task.tenantId === tenantId) count++;
  return count;
}
