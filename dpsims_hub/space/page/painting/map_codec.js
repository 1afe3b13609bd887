// The map string "r1:{width}x{height}:{base64}": runs of one id, row by row, four bytes a run.
// Colours on a canvas would not be exact in every browser.

const MAX_RUN = 65535;

function encodeMap(ids, width, height) {
  const bytes = [];
  let start = 0;
  while (start < ids.length) {
    const id = ids[start];
    let end = start + 1;
    while (end < ids.length && ids[end] === id && end - start < MAX_RUN) end++;
    const run = end - start;
    bytes.push(id & 255, id >> 8, run & 255, run >> 8);
    start = end;
  }
  return `r1:${width}x${height}:${toBase64(Uint8Array.from(bytes))}`;
}

// {ids, width, height}; throws an Error with one sentence.
function decodeMap(text) {
  const parts = /^r1:([1-9][0-9]{0,4})x([1-9][0-9]{0,4}):([A-Za-z0-9+/]*={0,2})$/.exec(String(text));
  if (!parts) throw new Error("This is not a map of this page.");
  const width = Number(parts[1]);
  const height = Number(parts[2]);
  const bytes = fromBase64(parts[3]);
  if (bytes.length % 4 || width * height > 4096 * 4096) throw new Error("The map is damaged.");
  const ids = new Uint16Array(width * height);
  let place = 0;
  for (let at = 0; at < bytes.length; at += 4) {
    const run = bytes[at + 2] | (bytes[at + 3] << 8);
    if (!run || place + run > ids.length) throw new Error("The map is damaged.");
    ids.fill(bytes[at] | (bytes[at + 1] << 8), place, place + run);
    place += run;
  }
  if (place !== ids.length) throw new Error("The map is cut off.");
  return { ids, width, height };
}

function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

function fromBase64(text) {
  let plain;
  try {
    plain = atob(text);
  } catch {
    throw new Error("The map is damaged.");
  }
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}
