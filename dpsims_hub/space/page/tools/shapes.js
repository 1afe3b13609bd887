// Shapes on an array of class ids. Pure functions; a mask has one byte a pixel, 1 inside.
// A place is {x, y} in map pixels, with fractions; a pixel is inside when its centre is.

// The inside of a closed polygon by the even-odd rule, added to `mask`.
function addPolygon(mask, width, height, points) {
  const lowest = Math.max(0, Math.floor(Math.min(...points.map((one) => one.y))));
  const highest = Math.min(height - 1, Math.ceil(Math.max(...points.map((one) => one.y))));
  for (let y = lowest; y <= highest; y++) {
    const crossings = rowCrossings(points, y + 0.5);
    for (let at = 0; at + 1 < crossings.length; at += 2) {
      const first = Math.max(0, Math.ceil(crossings[at] - 0.5));
      const end = Math.min(width, Math.ceil(crossings[at + 1] - 0.5));
      if (first < end) mask.fill(1, y * width + first, y * width + end);
    }
  }
  return mask;
}

// Where the sides of a polygon cross a horizontal line, from left to right.
function rowCrossings(points, y) {
  const found = [];
  points.forEach((a, at) => {
    const b = points[(at + 1) % points.length];
    if (a.y <= y !== b.y <= y) found.push(a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x));
  });
  return found.sort((p, q) => p - q);
}

function polygonMask(points, width, height) {
  return addPolygon(new Uint8Array(width * height), width, height, points);
}

// The box of the pixels of two places, both included, cut off at the edges of the map: {left, right, top, bottom}.
function pixelBox(from, to, width, height) {
  const inside = (value, limit) => Math.min(limit - 1, Math.max(0, Math.floor(value)));
  const [left, right] = [inside(from.x, width), inside(to.x, width)].sort((p, q) => p - q);
  const [top, bottom] = [inside(from.y, height), inside(to.y, height)].sort((p, q) => p - q);
  return { left, right, top, bottom };
}

function rectangleMask(from, to, width, height) {
  const { left, right, top, bottom } = pixelBox(from, to, width, height);
  const mask = new Uint8Array(width * height);
  for (let y = top; y <= bottom; y++) mask.fill(1, y * width + left, y * width + right + 1);
  return mask;
}

// The ellipse in the box of two places. In whole numbers, so that its edge is the same on every machine.
function ellipseMask(from, to, width, height) {
  const { left, right, top, bottom } = pixelBox(from, to, width, height);
  const wide = right - left + 1;
  const tall = bottom - top + 1;
  const mask = new Uint8Array(width * height);
  for (let y = top; y <= bottom; y++) {
    const down = (2 * y - top - bottom) * wide;
    for (let x = left; x <= right; x++) {
      const across = (2 * x - left - right) * tall;
      if (across * across + down * down <= wide * wide * tall * tall) mask[y * width + x] = 1;
    }
  }
  return mask;
}

// The corner that makes the box from one place to another a square.
function squareCorner(from, to) {
  const start = { x: Math.floor(from.x), y: Math.floor(from.y) };
  const across = Math.floor(to.x) - start.x;
  const down = Math.floor(to.y) - start.y;
  const side = Math.max(Math.abs(across), Math.abs(down));
  const end = (at, way) => at + (way < 0 ? -side : side) + 0.5;
  return { x: end(start.x, across), y: end(start.y, down) };
}

// Gives each pixel of a mask the class, and returns how many changed.
function paintMask(ids, mask, id) {
  let changed = 0;
  for (let at = 0; at < ids.length; at++) {
    if (mask[at] && ids[at] !== id) {
      ids[at] = id;
      changed++;
    }
  }
  return changed;
}

function replaceClass(ids, from, to) {
  return paintMask(ids, ids.map((id) => id === from), to);
}

// Restores pixels of protected classes and returns how many.
function restoreProtected(ids, before, protectedIds) {
  if (!protectedIds.size) return 0;
  let restored = 0;
  for (let at = 0; at < ids.length; at++) {
    if (ids[at] !== before[at] && protectedIds.has(before[at])) {
      ids[at] = before[at];
      restored++;
    }
  }
  return restored;
}

// Where each pixel of a mask is after a move by whole pixels: [[from, to], ...], without those that leave the map.
function movedPixels(mask, width, height, right, down) {
  const pairs = [];
  for (let at = 0; at < mask.length; at++) {
    const x = (at % width) + right;
    const y = Math.floor(at / width) + down;
    if (mask[at] && x >= 0 && y >= 0 && x < width && y < height) pairs.push([at, y * width + x]);
  }
  return pairs;
}

// Moves the pixels of a mask by whole pixels. Their old places take the class of the nearest pixel around the mask.
function moveMask(ids, width, height, mask, right, down) {
  const before = ids.slice();
  fillFromAround(ids, width, height, mask);
  for (const [from, to] of movedPixels(mask, width, height, right, down)) ids[to] = before[from];
  return changedPixels(ids, before);
}

// Ring by ring from outside; a pixel takes the class of the first of its neighbours above, left, right, below.
function fillFromAround(ids, width, height, mask) {
  const open = mask.slice();
  const neighbours = (at) => [
    at >= width ? at - width : -1, at % width ? at - 1 : -1,
    at % width < width - 1 ? at + 1 : -1, at < width * (height - 1) ? at + width : -1,
  ].filter((one) => one >= 0);
  let ring = [];
  for (let at = 0; at < open.length; at++) {
    if (open[at] && neighbours(at).some((one) => !open[one])) ring.push(at);
  }
  while (ring.length) {
    const found = ring.map((at) => ids[neighbours(at).find((one) => !open[one])]);
    ring.forEach((at, place) => (ids[at] = found[place]));
    ring.forEach((at) => (open[at] = 0));
    ring = [...new Set(ring.flatMap((at) => neighbours(at).filter((one) => open[one])))];
  }
}
