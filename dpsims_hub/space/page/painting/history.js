// Undo and redo, one step per stroke: whole copies of the ids, the oldest dropped first.

const HISTORY_STEPS = 60;
const HISTORY_BYTES = 64 * 1024 * 1024;

function createHistory(steps = HISTORY_STEPS) {
  let past = [];
  let future = [];
  const room = (ids) => Math.max(4, Math.min(steps, Math.floor(HISTORY_BYTES / ids.byteLength)));
  const step = (from, to, now) => {
    if (!from.length) return null;
    to.push(now.slice());
    return from.pop();
  };
  return {
    // Keeps the ids as they were before a change.
    remember(before) {
      past.push(before.slice());
      past = past.slice(-room(before));
      future = [];
    },
    undo: (now) => step(past, future, now),
    redo: (now) => step(future, past, now),
    clear() {
      past = [];
      future = [];
    },
    get undoSteps() {
      return past.length;
    },
    get redoSteps() {
      return future.length;
    },
  };
}
