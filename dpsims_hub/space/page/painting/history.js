// Undo and redo of complete scenes, {model, ids, seed, seedB, mix, regions, original}. Recorded scenes never change;
// successive ones with equal maps share one array of ids.

const HISTORY_STEPS = 200;
const HISTORY_BYTES = 64 * 1024 * 1024;
const FEWEST_STEPS = 4;
const MERGE_MS = 1000; // arrow keys on a slider within this time are one step

function createHistory(steps = HISTORY_STEPS, bytes = HISTORY_BYTES, clock = Date.now) {
  let past = [];
  let future = [];
  let now = null;
  let last = { kind: "", at: 0 };

  const size = (scenes) => [...new Set(scenes.map((one) => one.ids))].reduce((sum, ids) => sum + ids.byteLength, 0);
  const trim = () => {
    past = past.slice(-steps);
    while (past.length > FEWEST_STEPS && size(past) > bytes) past.shift();
  };
  const travel = (from, to) => {
    if (!from.length) return null;
    to.push(now);
    now = from.pop();
    last = { kind: "", at: 0 };
    return now;
  };

  return {
    begin(scene) {
      [past, future, now] = [[], [], scene];
    },
    // Records the scene after a change. Quick changes of one kind are one step; an empty kind is always a new step.
    record(scene, kind = "") {
      const merges = kind && kind === last.kind && clock() - last.at < MERGE_MS;
      if (!merges) past.push(now);
      trim();
      future = [];
      now = scene;
      last = { kind, at: clock() };
    },
    undo: () => travel(past, future),
    redo: () => travel(future, past),
    get now() { return now; },
    get undoSteps() { return past.length; },
    get redoSteps() { return future.length; },
  };
}

function sameNumbers(one, other) {
  return one.length === other.length && one.every((value, at) => value === other[at]);
}
