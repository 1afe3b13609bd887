// Live requests: at most one is pending, and the next one carries the newest state.
// States: "idle", "flying", "busy" (the server's answer) and "offline" (no answer); the last two lead to another attempt.

const PATIENCE_MS = 90000; // without an answer for so long the server counts as offline
const LONGEST_PAUSE_MS = 4000;

// build() -> request, called when it is sent; ask(request) -> promise of a reply;
// show(reply, request, times) -> promise, resolved when the photo is visible; fail(sentence, request);
// changed(lane), called after each change of its state.
function createFastLane({ build, ask, show, fail, changed, clock = performanceClock, later = setTimeout }) {
  const lane = { state: "idle", inFlight: 0, most: 0, sent: 0, shown: 0, why: "" };
  let wantedSince = null; // time of the first change that no request carries yet
  let pause = null;
  let troubles = 0;

  const become = (state, why = "") => {
    Object.assign(lane, { state, why });
    changed(lane);
  };

  lane.want = () => {
    if (wantedSince === null) wantedSince = clock();
    send();
  };
  // Ends a pause early, for example when the browser is online again.
  lane.hurry = () => {
    pause = null;
    send();
  };

  async function send() {
    if (lane.inFlight || pause || wantedSince === null) return;
    const since = wantedSince;
    const start = clock();
    const request = build();
    wantedSince = null;
    lane.inFlight++;
    lane.most = Math.max(lane.most, lane.inFlight);
    lane.sent++;
    become(troubles ? lane.state : "flying", lane.why);
    let reply = null;
    try {
      reply = await inTime(ask(request), later);
    } catch {
      // no reply; see `settle`
    }
    await settle(reply || { offline: true }, request, since, start); // Gradio answers undefined when it fails
  }

  async function settle(reply, request, since, start) {
    if (reply.offline || reply.busy) {
      lane.inFlight--;
      return tryAgain(reply, since);
    }
    troubles = 0;
    try {
      if (reply.error) fail(reply.error, request);
      else await show(reply, request, () => ({ trip: clock() - start, stroke: clock() - since }));
      if (!reply.error) lane.shown++;
    } catch {
      fail("The photo that came back cannot be shown.", request);
    }
    lane.inFlight--;
    become("idle");
    return send();
  }

  function tryAgain(reply, since) {
    wantedSince = since;
    troubles++;
    const growth = Math.min(LONGEST_PAUSE_MS, 250 * 2 ** Math.min(troubles, 5));
    const wait = reply.busy ? Math.min(LONGEST_PAUSE_MS, Math.max(reply.retry_ms || 0, growth / 4)) : growth;
    const mine = {};
    pause = mine;
    become(reply.busy ? "busy" : "offline", reply.why || "");
    const spread = 0.8 + 0.4 * Math.random(); // so that pages that were refused together retry at different times
    later(() => pause === mine && lane.hurry(), wait * spread);
  }

  return lane;
}

const performanceClock = () => performance.now();

function inTime(promise, later) {
  const limit = new Promise((_, reject) => later(() => reject(new Error("no answer")), PATIENCE_MS));
  return Promise.race([promise, limit]);
}
