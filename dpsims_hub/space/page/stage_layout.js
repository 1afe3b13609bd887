// Where the parts of the page lie: map and photo get as much of the window as their shape allows.
// "beside": the classes right of both; "under": below them; "stacked": the photo below the map, all else at their right;
// "phone": the photo on top, the map under it, then a strip with what the painting hand needs.

const PHONE_WIDTH = 640; // pixels; below it
const NARROW_WIDTH = 980; // below it the classes are always under the panes
const GAP = 10;
const SMALLEST_PANE = 256;
// Heights in pixels of all that is not map or photo: margins, header, tools, captions, style, the foot of the page.
const ROWS = { beside: 266, under: 362, stacked: 42, phone: 282 };
const PHONE_COLUMN = 66; // the variations beside the photo, with their gap

// {layout, pane}: the kind, and the width of the map in pixels, in a window of this size. `ratio` is width / height of a map.
function chooseLayout(width, height, ratio) {
  const fit = (layout, across, down) => {
    const wide = Math.min(across, Math.max(SMALLEST_PANE / ratio, down) * ratio);
    return { layout, pane: Math.floor(wide) };
  };
  if (width < PHONE_WIDTH) {
    const tall = (height - ROWS.phone + PHONE_COLUMN / ratio) / 2;
    return fit("phone", width, tall);
  }
  const under = fit("under", (width - GAP) / 2, height - ROWS.under);
  if (width < NARROW_WIDTH) return under;
  const side = Math.min(400, Math.max(196, 0.26 * width - 180));
  const beside = fit("beside", (width - 2 * GAP - side) / 2, height - ROWS.beside);
  const stacked = fit("stacked", width - GAP - 440, (height - ROWS.stacked) / 2);
  return [under, stacked].reduce((best, one) => (one.pane > 1.03 * best.pane ? one : best), beside);
}

function mountLayout(app) {
  const { state, root } = app;
  const arrange = () => {
    const { layout, pane } = chooseLayout(root.clientWidth, window.innerHeight, state.model.width / state.model.height);
    root.style.setProperty("--pane", `${pane}px`);
    app.forgetBoxes();
    if (root.dataset.layout === layout) return;
    root.dataset.layout = layout;
    state.emit("layout", layout);
  };
  new ResizeObserver(arrange).observe(root);
  window.addEventListener("resize", arrange);
  state.on("model", arrange);
}
