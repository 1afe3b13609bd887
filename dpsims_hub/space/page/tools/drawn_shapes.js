// Rectangle, ellipse, lasso and polygon: complete shapes are filled with the current class.

function mountDrawnShapes(app) {
  const { state } = app;

  const fill = (mask) => {
    const changed = state.edit((ids) => paintMask(ids, mask, state.classId));
    app.say(changed ? `Painted ${state.className(state.classId)}` : "Nothing changed");
  };
  app.gestures.rect = boxGesture(app, rectangleMask, fill);
  app.gestures.ellipse = boxGesture(app, ellipseMask, fill);
  app.gestures.lasso = lassoGesture(app, fill);
  app.gestures.polygon = polygonGesture(app, fill);
}

// A box from corner to corner; Shift makes it a square. With the keyboard, one corner after the other.
function boxGesture(app, maskOf, fill) {
  const { state } = app;
  let from = null;
  let to = null;
  let byKeys = false;
  const corner = (place, event) => (event.shiftKey ? squareCorner(from, place) : place);
  const mask = () => maskOf(from, to, state.width, state.height);
  const leave = () => {
    const begun = Boolean(from);
    from = to = null;
    return begun;
  };
  const complete = () => {
    fill(mask());
    leave();
  };
  return {
    begin(place) {
      from = to = place;
      byKeys = false;
    },
    move: (places, event) => (to = corner(places[places.length - 1], event)),
    end(place, event) {
      to = corner(place, event);
      complete();
    },
    apply(place) {
      byKeys = true;
      if (from) {
        to = place;
        complete();
      } else {
        from = to = place;
        app.say("First corner set; move on and press Space");
      }
    },
    cancel: leave,
    sketch() {
      if (from && byKeys && app.cursor) to = app.cursor;
      return from && { masks: [{ id: state.classId, mask: mask() }] };
    },
  };
}

// The inside of a freely drawn line.
function lassoGesture(app, fill) {
  const { state } = app;
  let path = [];
  const leave = () => path.splice(0).length > 0;
  return {
    begin: (place) => (path = [place]),
    move: (places) => path.push(...places),
    end(place) {
      path.push(place);
      fill(polygonMask(path, state.width, state.height));
      leave();
    },
    apply: () => app.say("The lasso needs a pointer; the polygon does the same with the keyboard"),
    cancel: leave,
    sketch: () => path.length && { lines: [[...path, path[0]]] },
  };
}

const CLOSE_SHARE = 0.025; // of the map's height; a corner nearer to the first one closes the polygon

// Corner by corner; Enter, the first corner again or the button completes it.
function polygonGesture(app, fill) {
  const { state } = app;
  let corners = [];
  let next = null;
  const leave = () => corners.splice(0).length > 0;
  const complete = () => {
    if (corners.length < 3) {
      app.say("A polygon needs three corners");
      return;
    }
    fill(polygonMask(corners, state.width, state.height));
    leave();
    state.emit("preview");
  };
  const add = (place) => {
    const [first] = corners;
    const near = first && Math.hypot(place.x - first.x, place.y - first.y) <= Math.max(2, CLOSE_SHARE * state.height);
    if (near && corners.length > 2) return complete();
    corners.push(place);
    return app.say(`Corner ${corners.length}`);
  };
  return {
    begin() {},
    move: (places) => (next = places[places.length - 1]),
    end: add,
    hover: (place) => (next = place),
    apply: (place, event) => (event && event.key === "Enter" && corners.length > 2 ? complete() : add(place)),
    cancel: leave,
    cancelPress: () => false,
    keys: { Enter: () => corners.length > 2 && (complete(), true) },
    actions: () => ["Polygon", [{ name: "close", label: "Close shape", icon: "check", act: complete }]],
    sketch() {
      const end = app.cursor || next;
      return corners.length && { lines: [[...corners, ...(end ? [end] : []), corners[0]]] };
    },
  };
}
