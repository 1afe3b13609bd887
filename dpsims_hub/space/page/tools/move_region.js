// Moves one connected region; its old place takes the classes around it.

function mountMoveRegion(app) {
  const { state } = app;
  let from = null; // the place where the region was taken
  let to = null;
  let mask = null;

  const take = (place) => {
    from = to = place;
    mask = app.regionAt(place);
    app.say(`Took ${state.className(app.classAt(place))}; move it and let go`);
  };
  const steps = () => [Math.round(to.x - from.x), Math.round(to.y - from.y)];
  const leave = () => {
    const begun = Boolean(mask);
    from = to = mask = null;
    return begun;
  };
  const put = () => {
    const [right, down] = steps();
    const region = mask;
    leave();
    if (!right && !down) return;
    const changed = state.edit((ids) => moveMask(ids, state.width, state.height, region, right, down));
    app.say(changed ? "Moved" : "Nothing changed");
  };
  function movedMask() {
    const moved = new Uint8Array(mask.length);
    for (const [, at] of movedPixels(mask, state.width, state.height, ...steps())) moved[at] = 1;
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
      if (!mask) return place && { masks: [{ id: app.classAt(place), mask: app.regionAt(place) }] };
      if (app.cursor) to = app.cursor;
      return { masks: [{ id: app.classAt(from), mask: movedMask() }] };
    },
  };
}
