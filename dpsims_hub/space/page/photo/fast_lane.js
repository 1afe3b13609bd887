// Live requests: never more than one under way, and the newest state wins.
// States: "idle", "flying", "busy" (the server said so) and "offline" (not reached); after these it is asked again.

const PATIENCE_MS = 90000; // no answer for so long counts as not reached
const LONGEST_PAUSE_MS = 4000;

// build() -> request at the moment of sending; ask(request) -> promise of a reply;
// show(reply, request, times) -> promise, resolved once the photo is on the screen; fail(sentence, request);
// changed(lane) after every change of its state.
function createFastLane({ build, ask, show, fail, changed, clock = performanceClock, later = setTimeout }) {
  const lane = { state: "idle", inFlight: 0, most: 0, sent: 0, shown: 0, why: "" };
  let wantedSince = null; // when the first change came that no request carries yet
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
  // After a pause that was meant to be longer, as when the browser says that the network is back.
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
      // told apart below: no reply
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
    later(() => {
      if (pause !== mine) return;
      lane.hurry();
    }, wait * (0.8 + 0.4 * Math.random())); // pages that were refused together do not come back together
  }

  return lane;
}

const performanceClock = () => performance.now();

function inTime(promise, later) {
  const limit = new Promise((_, reject) => later(() => reject(new Error("no answer")), PATIENCE_MS));
  return Promise.race([promise, limit]);
}
