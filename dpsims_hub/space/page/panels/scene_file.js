// Downloaded PNG files contain their scene as text; opening them restores it.

const SCENE_KEY = "dpsims-scene"; // written by the server
const LARGEST_SCENE_FILE = 64 * 1024 * 1024; // nothing of it is sent
const PNG_START = [137, 80, 78, 71, 13, 10, 26, 10];

// The text chunk of this name in the bytes of a PNG file, or null.
function pngText(bytes, key) {
  if (PNG_START.some((value, at) => bytes[at] !== value)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const letters = (from, to) => Array.from(bytes.subarray(from, to), (code) => String.fromCharCode(code)).join("");
  let at = PNG_START.length;
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at);
    const end = at + 8 + length;
    if (end + 4 > bytes.length) return null;
    const start = at + 8 + key.length;
    const named = letters(at + 4, at + 8) === "tEXt" && letters(at + 8, start) === key && bytes[start] === 0;
    if (named) return new TextDecoder("latin1").decode(bytes.subarray(start + 1, end));
    at = end + 4; // four bytes of checksum
  }
  return null;
}

// The scene in a file, for `fittingScene`; null without a scene or with a damaged one.
async function sceneOfFile(file) {
  if (file.size > LARGEST_SCENE_FILE) return null;
  try {
    return JSON.parse(pngText(new Uint8Array(await file.arrayBuffer()), SCENE_KEY));
  } catch {
    return null;
  }
}
