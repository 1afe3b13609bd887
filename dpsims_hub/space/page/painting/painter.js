// Painting on an array of class ids. Pure functions; those that change `ids` return the number of changed pixels.
// A place is {x, y} in map pixels, with fractions; pixel (i, j) covers i <= x < i + 1, j <= y < j + 1.

// The centre a brush of this diameter snaps to, in half pixels: a pixel's centre if odd, a corner if even.
function snapBrush(place, diameter) {
  const snap = diameter % 2 ? (v) => 2 * Math.floor(v) + 1 : (v) => 2 * Math.round(v);
  return { x: snap(place.x), y: snap(place.y) };
}

// A brush stroke from one place to the next: all pixels whose centre is within diameter / 2 of the segment.
function paintSegment(ids, width, height, from, to, diameter, id) {
  const a = snapBrush(from, diameter);
  const b = snapBrush(to, diameter);
  const left = Math.max(0, Math.floor((Math.min(a.x, b.x) - diameter) / 2));
  const right = Math.min(width - 1, Math.ceil((Math.max(a.x, b.x) + diameter) / 2));
  const top = Math.max(0, Math.floor((Math.min(a.y, b.y) - diameter) / 2));
  const bottom = Math.min(height - 1, Math.ceil((Math.max(a.y, b.y) + diameter) / 2));
  let changed = 0;
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const at = y * width + x;
      if (ids[at] !== id && nearSegment(2 * x + 1, 2 * y + 1, a, b, diameter)) {
        ids[at] = id;
        changed++;
      }
    }
  }
  return changed;
}

// In whole numbers (half pixels), so that the edge of a stroke is the same on every machine.
function nearSegment(x, y, a, b, reach) {
  const alongX = b.x - a.x;
  const alongY = b.y - a.y;
  const toX = x - a.x;
  const toY = y - a.y;
  const length2 = alongX * alongX + alongY * alongY;
  const along = toX * alongX + toY * alongY;
  if (along <= 0 || !length2) return toX * toX + toY * toY <= reach * reach;
  if (along >= length2) return (x - b.x) ** 2 + (y - b.y) ** 2 <= reach * reach;
  const across = toX * alongY - toY * alongX;
  return across * across <= reach * reach * length2;
}

// 1 for the pixels joined to this one by sides through pixels of one class, 0 elsewhere.
function connectedRegion(ids, width, height, x, y) {
  const region = new Uint8Array(ids.length);
  const id = ids[y * width + x];
  const stack = [y * width + x];
  region[stack[0]] = 1;
  const visit = (at) => {
    if (ids[at] === id && !region[at]) {
      region[at] = 1;
      stack.push(at);
    }
  };
  while (stack.length) {
    const at = stack.pop();
    const column = at % width;
    if (column > 0) visit(at - 1);
    if (column < width - 1) visit(at + 1);
    if (at >= width) visit(at - width);
    if (at < width * (height - 1)) visit(at + width);
  }
  return region;
}

function fillRegion(ids, width, height, x, y, id) {
  return paintMask(ids, connectedRegion(ids, width, height, x, y), id);
}

function fillAll(ids, id) {
  const before = ids.slice();
  return changedPixels(ids.fill(id), before);
}

function changedPixels(ids, before) {
  return ids.reduce((count, id, at) => count + (id !== before[at]), 0);
}

// The number of pixels of each class: [[id, count], ...], the largest first.
function countClasses(ids) {
  const counts = new Uint32Array(65536); // ids have 16 bits
  for (let at = 0; at < ids.length; at++) counts[ids[at]]++;
  const present = [];
  for (let id = 0; id < counts.length; id++) if (counts[id]) present.push([id, counts[id]]);
  return present.sort((p, q) => q[1] - p[1] || p[0] - q[0]);
}
