// The enlarged photo: by the browser during strokes, by a Lanczos filter when the brush rests.

const REST_MS = 150;
const MOST_PIXELS = 2.5e6; // of an enlarged photo, about 80 ms

// The size of an enlargement to `wide` pixels of the screen, within bounds; null where it would hardly differ.
function fineSize(width, height, wide) {
  const most = Math.sqrt(MOST_PIXELS / (width * height));
  const factor = Math.min(wide / width, most);
  return factor > 1.05 ? [Math.round(width * factor), Math.round(height * factor)] : null;
}

function mountFinePhoto(app) {
  const { state, find } = app;
  const photo = find("photo");
  const fine = find("fine");
  const frame = find("photo-frame");
  let waiting = null;

  const draw = () => {
    waiting = null;
    if (app.isPainting() || app.photoOf !== state.version) return soon();
    const { naturalWidth: width, naturalHeight: height } = photo;
    const wide = frame.clientWidth * app.view.scale * devicePixelRatio;
    const size = width ? fineSize(width, height, wide) : null;
    if (!size) return null;
    const source = new OffscreenCanvas(width, height).getContext("2d");
    source.drawImage(photo, 0, 0);
    const pixels = enlarge(source.getImageData(0, 0, width, height).data, width, height, ...size);
    [fine.width, fine.height] = size;
    fine.getContext("2d").putImageData(new ImageData(pixels, ...size), 0, 0);
    fine.hidden = false;
    frame.dataset.fine = "true";
    return null;
  };
  const soon = () => (waiting ||= setTimeout(draw, REST_MS));
  const renew = () => {
    fine.hidden = true;
    frame.dataset.fine = "false";
    soon();
  };
  const tellSize = () => {
    const { width, height } = state;
    const times = frame.clientWidth / width;
    find("native").textContent = `${width} x ${height} px, shown ${times.toFixed(1)}x`;
  };

  state.on("photo", () => {
    clearTimeout(waiting);
    waiting = null;
    renew();
  });
  state.on("zoom", soon);
  state.on("model", tellSize);
  new ResizeObserver(() => {
    tellSize();
    if (app.photoOf >= 0) soon();
  }).observe(frame);
}
