// A chosen stamp follows the mouse or a dragging finger; a click, a tap on it or Enter places it.

const SCALE_STEP = 1.15;
const SCALES = { least: 0.2, most: 5 };
const TAP_SHARE = 0.02; // of the map's height; a shorter move of a finger is a tap

function mountPlacing(app) {
  const { state, find } = app;
  let stamp = null;
  let pose = null; // {place, scale, flip}
  let press = null; // {from, origin, moved} while a pointer is down
  let toolBefore = "brush";

  const title = () => capitalized(stamp.name);
  const masks = () => stampMasks(stamp, state.width, state.height, pose);
  const redraw = () => state.emit("preview");

  app.takeStamp = (name) => {
    if (state.tool !== "stamp") toolBefore = state.tool;
    stamp = stampsOf(state.model.classes).find((one) => one.name === name);
    const scale = pose ? pose.scale : 1;
    pose = { place: { x: state.width / 2, y: state.height / 2 }, scale, flip: false };
    app.cursor = null;
    state.setHand({ tool: "stamp" });
    app.showActions(...app.gestures.stamp.actions());
    find("map-frame").parentNode.scrollIntoView({ block: "nearest" }); // on phones the menu is far below the map
    find("map").focus({ preventScroll: true });
    app.say(`${title()} chosen. Arrows move it, Enter places it, X flips it, Escape removes it.`);
    redraw();
  };
  const drop = () => {
    if (!stamp) return false;
    stamp = pose = press = null;
    if (state.tool === "stamp") state.setHand({ tool: toolBefore });
    app.say("Stamp removed");
    redraw();
    return true;
  };
  const put = () => {
    const changed = state.edit((ids) => paintStamp(ids, masks()));
    app.say(changed ? `${title()} placed` : "Nothing changed");
  };
  const resize = (direction) => {
    const wanted = pose.scale * SCALE_STEP ** direction;
    pose.scale = Math.min(SCALES.most, Math.max(SCALES.least, wanted));
    app.say(`${Math.round(100 * pose.scale)} percent`);
    redraw();
  };
  const flip = () => {
    pose.flip = !pose.flip;
    app.say("Flipped");
    redraw();
  };
  const covers = (place) => {
    const { left, top, wide, tall } = stampBox(stamp, state.height, pose);
    return place.x >= left && place.x <= left + wide && place.y >= top && place.y <= top + tall;
  };

  app.gestures.stamp = {
    begin(place, event) {
      const isFinger = event.pointerType === "touch";
      press = { from: place, origin: { ...pose.place }, isFinger, moved: false };
      if (!isFinger) pose.place = place;
    },
    move(places) {
      const place = places[places.length - 1];
      const right = place.x - press.from.x;
      const down = place.y - press.from.y;
      press.moved ||= Math.hypot(right, down) > TAP_SHARE * state.height;
      if (!press.isFinger) pose.place = place;
      else if (press.moved) pose.place = { x: press.origin.x + right, y: press.origin.y + down };
    },
    end(place) {
      const { isFinger, moved } = press;
      press = null;
      if (!isFinger) {
        pose.place = place;
        put();
      } else if (!moved) {
        if (covers(place)) put();
        else pose.place = place;
      }
    },
    apply(place) {
      pose.place = place;
      put();
    },
    cancel() {
      const begun = Boolean(press);
      if (press) pose.place = press.origin;
      press = null;
      if (state.tool !== "stamp") stamp = null;
      return begun;
    },
    hover: (place) => (pose.place = place),
    place: () => pose && { ...pose.place },
    sketch() {
      if (stamp && app.cursor) pose.place = { ...app.cursor };
      return stamp && { masks: masks() };
    },
    keys: {
      x: flip, Enter: put, Escape: drop,
      "[": () => resize(-1), "]": () => resize(1), "-": () => resize(-1), "+": () => resize(1), "=": () => resize(1),
    },
    actions: () => [
      `Stamp: ${stamp ? stamp.name : ""}`,
      [
        { name: "smaller", label: "Smaller", icon: "minus", act: () => resize(-1) },
        { name: "larger", label: "Larger", icon: "plus", act: () => resize(1) },
        { name: "flip", label: "Flip", icon: "flip", act: flip },
        { name: "place", label: "Place", icon: "check", act: put },
        { name: "drop", label: "Done", icon: "close", act: drop },
      ],
    ],
  };
  state.on("leave", drop); // before the next model, whose classes are others
}

function capitalized(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
