// The list of re-rolled classes and regions, each outlined on the photo; a press takes one back.

const OUTLINE_COLOURS = ["#000000", "#ffffff"];

// The pixels of a re-roll, as a mask.
function rerollMask(entry, ids) {
  if (entry.region) return Uint8Array.from(decodeMap(entry.region).ids);
  return Uint8Array.from(ids, (id) => Number(id === entry.class));
}

// The pixel edges between inside and outside, as an SVG path in pixels of the map.
function outlinePath(mask, width, height) {
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x];
  const parts = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside(x, y)) continue;
      if (!inside(x, y - 1)) parts.push(`M${x} ${y}h1`);
      if (!inside(x, y + 1)) parts.push(`M${x} ${y + 1}h1`);
      if (!inside(x - 1, y)) parts.push(`M${x} ${y}v1`);
      if (!inside(x + 1, y)) parts.push(`M${x + 1} ${y}v1`);
    }
  }
  return parts.join("");
}

function mountRerollList(app) {
  const { state, find } = app;
  const list = find("reroll-list");
  const outline = find("outline");
  let pointed = null; // the entry whose outline is stronger

  const nameOf = (entry) => {
    if (entry.class !== undefined) return state.className(entry.class);
    const at = rerollMask(entry, state.ids).indexOf(1);
    return at < 0 ? "region" : `region of ${state.className(state.ids[at])}`;
  };

  function build() {
    renewRow(list, state.regions.map(makeRow), find("map"));
    pointed = state.regions.includes(pointed) ? pointed : null;
    draw();
  }

  function makeRow(entry) {
    const row = document.createElement("li");
    const takeBack = () => {
      state.setStyle({ regions: state.regions.filter((one) => one !== entry) });
      app.say("Look taken back");
    };
    const button = newButton(`<span></span>${iconMarkup("close")}`, takeBack, { tip: "Back to the look of the rest" });
    button.firstChild.textContent = nameOf(entry);
    button.setAttribute("aria-label", `Take back the look of ${nameOf(entry)}`);
    const point = (to) => () => {
      pointed = to;
      draw();
    };
    button.addEventListener("pointerenter", point(entry));
    button.addEventListener("pointerleave", point(null));
    button.addEventListener("focus", point(entry));
    button.addEventListener("blur", point(null));
    row.append(button);
    return row;
  }

  // Draws all outlines, or only that of the entry under the pointer.
  function draw() {
    const shown = pointed ? [pointed] : state.regions;
    outline.hidden = !shown.length || app.comparing;
    if (outline.hidden) return;
    outline.setAttribute("viewBox", `0 0 ${state.width} ${state.height}`);
    outline.dataset.pointed = String(Boolean(pointed));
    const paths = shown.map((entry) => outlinePath(rerollMask(entry, state.ids), state.width, state.height));
    outline.innerHTML = paths
      .flatMap((path) => OUTLINE_COLOURS.map((colour) => `<path d="${path}" stroke="${colour}"/>`))
      .join("");
  }

  state.on("style model", build);
  state.on("commit", () => state.regions.length && draw());
}
