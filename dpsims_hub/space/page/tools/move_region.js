// Takes one connected region somewhere else; what it leaves takes the classes around it.

function mountMoveRegion(app) {
  const { state } = app;
  let from = null; // where the region was taken up
  let to = null;
  let mask = null;

  const take = (place) => {
    const { x, y } = app.pixelOf(place);
    from = to = place;
    mask = connectedRegion(state.ids, state.width, state.height, x, y);
    app.say(`Took ${state.className(state.ids[y * state.width + x])}; move it and let go`);
  };
  const steps = () => ({
    right: Math.round(to.x - from.x),
    down: Math.round(to.y - from.y),
  });
  const leave = () => {
    const begun = Boolean(mask);
    from = to = mask = null;
    return begun;
  };
  const put = () => {
    const { right, down } = steps();
    const region = mask;
    leave();
    if (!right && !down) return;
    const changed = state.edit((ids) => moveMask(ids, state.width, state.height, region, right, down));
    app.say(changed ? "Moved" : "Nothing changed");
  };
  // Where the region is now, as a mask of the map.
  function movedMask() {
    const { right, down } = steps();
    const moved = new Uint8Array(mask.length);
    for (let at = 0; at < mask.length; at++) {
      const x = (at % state.width) + right;
      const y = Math.floor(at / state.width) + down;
      if (mask[at] && x >= 0 && y >= 0 && x < state.width && y < state.height) moved[y * state.width + x] = 1;
    }
    return moved;
  }

  app.gestures.move = {
    begin: take,
    move: (places) => (to = places[places.length - 1]),
    end(place) {
      to = place;
      put();
    },
    apply(place) {
      if (!mask) return take(place);
      to = place;
      return put();
    },
    cancel: leave,
    sketch(place) {
      if (!mask) {
        if (!place) return null;
        const { x, y } = app.pixelOf(place);
        const id = state.ids[y * state.width + x];
        return { masks: [{ id, mask: connectedRegion(state.ids, state.width, state.height, x, y) }] };
      }
      if (app.cursor) to = app.cursor;
      const { x, y } = app.pixelOf(from);
      return { masks: [{ id: state.ids[y * state.width + x], mask: movedMask() }] };
    },
  };
}
