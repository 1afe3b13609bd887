// The photo pane: requests a photo after each change of map or style, and shows it and its time.

const SLOW_MODEL_MS = 400; // slower models make photos at the end of a stroke only; our choice: 2.5 photos a second
const FAST_MODEL_MS = 300;
const STROKE_REST_MS = 400; // a slow model makes the exact photo of a stroke so long after its end, as another may begin; our choice
const KEPT_TIMINGS = 500;
const BUSY_NOTES = { loading: "The model is loading …", crowd: "The server is busy; your photo is queued …" };

// Whether photos follow the stroke, from the model's last times in ms, newest last: of photos of a stroke under way,
// of which the first may be computed whole and the others around the brush only, and of all others, computed whole.
function followsStroke(drafts, wholes, follows) {
  if (follows && drafts.length >= 3 && drafts.slice(-2).every((ms) => ms > SLOW_MODEL_MS)) return false;
  if (!follows && wholes.length >= 3 && wholes.slice(-3).every((ms) => ms < FAST_MODEL_MS)) return true;
  return follows;
}

function mountLivePhoto(app) {
  const { state, find, root } = app;
  const photo = find("photo");
  const follow = find("follow");
  let byUser = false;
  let follows = true;
  let times = { drafts: [], wholes: [] };
  app.timings = [];
  app.photoOf = -1;
  const isSlow = () => times.wholes.length > 0 && times.wholes[times.wholes.length - 1] >= SLOW_MODEL_MS;
  app.isQuick = () => follows && times.wholes.length > 0 && !isSlow();
  let askedFor = -1; // the version of the last request; the end of a stroke often needs no new one
  const want = () => askedFor !== state.version && lane.want();
  let wasStroke = false; // the last change of the map was a stroke's
  let rest = null; // the pause after a stroke, before the exact photo
  function endRest() {
    clearTimeout(rest);
    rest = null;
  }
  function wantAfterRest() {
    endRest();
    rest = setTimeout(() => (app.isPainting() ? wantAfterRest() : wantNow()), STROKE_REST_MS);
  }
  function wantNow() {
    endRest();
    want();
  }

  const lane = createFastLane({
    build: () => {
      const draft = app.isPainting() || rest !== null; // only the part around the brush; the exact photo comes later
      askedFor = draft ? -1 : state.version;
      const body = draft ? { ...state.request(), draft } : state.request();
      return { version: state.version, model: state.model.name, body };
    },
    ask: (request) => app.server.live(request.body),
    show,
    fail: (sentence, request) => {
      find("veil").hidden = true;
      app.photoOf = request.version;
      app.notify(sentence, "alert", "photo");
    },
    changed: refresh,
  });

  async function show(reply, request, elapsed) {
    if (request.model !== state.model.name) return; // the page has switched to another model
    const ready = new Image();
    ready.src = reply.photo;
    await ready.decode();
    photo.src = reply.photo;
    photo.alt = describePhoto();
    if (!request.body.draft) app.photoOf = request.version;
    find("veil").hidden = true;
    const { trip, stroke } = elapsed();
    app.timings = [...app.timings, { model: reply.ms, trip, stroke }].slice(-KEPT_TIMINGS);
    const kind = request.body.draft ? "drafts" : "wholes";
    times[kind] = [...times[kind], reply.ms].slice(-5);
    find("times").textContent = `made in ${Math.round(trip)} ms`;
    find("times").title = `The model took ${Math.round(reply.ms)} ms of them`;
    decideFollow();
    app.settled("photo");
    app.settled("connection");
    state.emit("photo");
  }

  const describePhoto = () => {
    const parts = (app.counts || []).slice(0, 4);
    const words = parts.map(([id, count]) => `${state.className(id)} ${shareText(count, state.ids.length)}`);
    return `Photo made from the map: ${words.join(", ")}`;
  };

  function decideFollow() {
    const now = byUser ? follows : followsStroke(times.drafts, times.wholes, follows);
    if (now === follows) return;
    follows = now;
    app.say(follows ? "The photo follows the brush again" : "The photo now follows at the end of each stroke");
    refresh();
  }

  function noteText() {
    if (lane.state === "offline") return "Connection lost. Your painting is safe; trying again …";
    if (lane.state === "busy") return BUSY_NOTES[lane.why] || BUSY_NOTES.crowd;
    if (!follows && !byUser) return "Slow model: a photo after each stroke";
    return "";
  }

  let wasOffline = false;
  function refresh() {
    if (lane.state === "idle" && wasOffline) app.notify("Connected again; the photo is up to date.");
    if (lane.state === "idle" || lane.state === "offline") wasOffline = lane.state === "offline";
    const note = noteText();
    if (find("live-note").textContent !== note) find("live-note").textContent = note;
    const stale = app.photoOf !== state.version && lane.state !== "idle";
    find("photo-frame").dataset.stale = String(stale && !follows);
    follow.setAttribute("aria-checked", String(follows));
    mirror(root, {
      live: lane.state, follow: follows ? "stroke" : "end", followBy: byUser ? "user" : "auto",
      requests: lane.sent, replies: lane.shown, inFlight: lane.inFlight, inFlightMax: lane.most,
    });
    app.mirror();
  }

  follow.addEventListener("click", () => {
    byUser = true;
    follows = !follows;
    app.say(follows ? "The photo follows the brush" : "The photo follows at the end of each stroke");
    refresh();
    want();
  });
  state.on("map", () => {
    wasStroke = app.isPainting();
    if (follows || !wasStroke) want();
  });
  state.on("commit", () => {
    if (wasStroke && follows && isSlow()) wantAfterRest();
    else wantNow();
    wasStroke = false;
  });
  state.on("style", wantNow);
  state.on("model", () => {
    endRest();
    times = { drafts: [], wholes: [] };
    if (!byUser) follows = true;
    find("veil").hidden = app.photoOf >= 0;
    find("times").textContent = "";
  });
  let hadRegions = false;
  state.on("style", () => {
    if (hadRegions && !state.regions.length && !byUser) follows = true; // without regions only a part is computed
    hadRegions = state.regions.length > 0;
    times.drafts = [];
  });
  window.addEventListener("online", lane.hurry);
  app.lane = lane;
}
