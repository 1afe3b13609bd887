// Enlargement by the Lanczos filter with three lobes.

const LOBES = 3;

function lanczos(x) {
  if (x === 0) return 1;
  if (Math.abs(x) >= LOBES) return 0;
  const angle = Math.PI * x;
  return (LOBES * Math.sin(angle) * Math.sin(angle / LOBES)) / (angle * angle);
}

// The samples of each of `to` new ones: the place of the first, and `taps` weights with sum 1. Samples beyond the ends
// are left out. `to` is at least `from`.
function lanczosWeights(from, to) {
  const taps = Math.min(from, 2 * LOBES);
  const starts = new Int32Array(to);
  const weights = new Float32Array(to * taps);
  for (let place = 0; place < to; place++) {
    const centre = ((place + 0.5) * from) / to;
    const first = Math.min(from - taps, Math.max(0, Math.floor(centre - LOBES + 0.5)));
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      weights[place * taps + tap] = lanczos(first + tap + 0.5 - centre);
      sum += weights[place * taps + tap];
    }
    for (let tap = 0; tap < taps; tap++) weights[place * taps + tap] /= sum;
    starts[place] = first;
  }
  return { starts, weights, taps };
}

// RGBA bytes of an opaque picture, enlarged from width x height to newWidth x newHeight.
function enlarge(pixels, width, height, newWidth, newHeight) {
  const across = lanczosWeights(width, newWidth);
  const rows = new Float32Array(newWidth * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < newWidth; x++) {
      let [red, green, blue] = [0, 0, 0];
      let at = 4 * (y * width + across.starts[x]);
      for (let tap = x * across.taps; tap < (x + 1) * across.taps; tap++, at += 4) {
        const weight = across.weights[tap];
        red += weight * pixels[at];
        green += weight * pixels[at + 1];
        blue += weight * pixels[at + 2];
      }
      const to = 3 * (y * newWidth + x);
      rows[to] = red;
      rows[to + 1] = green;
      rows[to + 2] = blue;
    }
  }
  return enlargeDown(rows, newWidth, lanczosWeights(height, newHeight), newHeight);
}

function enlargeDown(rows, width, { starts, weights, taps }, height) {
  const result = new Uint8ClampedArray(width * height * 4); // rounds and clamps
  const line = new Float32Array(3 * width);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    for (let tap = 0; tap < taps; tap++) {
      const weight = weights[y * taps + tap];
      const from = 3 * width * (starts[y] + tap);
      for (let at = 0; at < line.length; at++) line[at] += weight * rows[from + at];
    }
    for (let x = 0, at = 4 * y * width; x < width; x++, at += 4) {
      result[at] = line[3 * x];
      result[at + 1] = line[3 * x + 1];
      result[at + 2] = line[3 * x + 2];
      result[at + 3] = 255;
    }
  }
  return result;
}
