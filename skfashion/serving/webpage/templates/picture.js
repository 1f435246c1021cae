// Pictures: read from files, kept in a canvas of at most so many pixels a side, changed step by step.

const LONGEST = 512; // a PNG of it is less than a megabyte, whatever is on it
const BLANK = 280;
const STEPS = 20; // that Undo knows

const pad = document.getElementById("pad");
const ink = pad.getContext("2d", { willReadFrequently: true });
let steps = [];

const pictureNow = () => ink.getImageData(0, 0, pad.width, pad.height);
const isBlank = ({ data }) => data.every((value, i) => value === (i % 4 === 3 ? 255 : 0));

// The canvas in the proportions of its pixels; few of them are shown as squares.
function setSize(w, h) {
  pad.width = w;
  pad.height = h;
  pad.style.width = `${Math.min(1, w / h) * 100}%`;
  pad.style.aspectRatio = `${w} / ${h}`;
  pad.classList.toggle("small", Math.max(w, h) < 200);
}

function remember() {
  steps = [...steps.slice(1 - STEPS), pictureNow()];
}

function show(picture) {
  setSize(picture.width, picture.height);
  ink.putImageData(picture, 0, 0);
}

function blank() {
  setSize(BLANK, BLANK);
  ink.fillStyle = "#000000";
  ink.fillRect(0, 0, BLANK, BLANK);
}

// The picture in a file, as a service reads it: turned as the camera notes, over black.
async function openFile(file) {
  const exact = { imageOrientation: "from-image", colorSpaceConversion: "none" };
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, exact);
  } catch {
    const what = file.name ? `"${file.name}"` : "what was pasted";
    throw new Error(`Got ${what}, which this browser cannot show; expected a PNG, JPEG or WebP.`);
  }
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  remember();
  setSize(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
  ink.fillStyle = "#000000";
  ink.fillRect(0, 0, pad.width, pad.height);
  ink.imageSmoothingQuality = "high";
  ink.drawImage(bitmap, 0, 0, pad.width, pad.height);
  bitmap.close();
}

function invert() {
  const picture = pictureNow();
  remember();
  picture.data.forEach((value, i) => { if (i % 4 !== 3) picture.data[i] = 255 - value; });
  show(picture);
}

function cutSquare() {
  const side = Math.min(pad.width, pad.height);
  const x = (pad.width - side) >> 1, y = (pad.height - side) >> 1;
  const picture = ink.getImageData(x, y, side, side);
  remember();
  show(picture);
}

function undo() {
  if (steps.length) show(steps.pop());
}

// The mean brightness of the pixels at the edge, from 0 to 1.
function edgeOf({ width: w, height: h, data }) {
  let sum = 0, n = 0;
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x += y === 0 || y === h - 1 ? 1 : Math.max(1, w - 1)) {
      const i = 4 * (y * w + x);
      sum += data[i] + data[i + 1] + data[i + 2];
      n += 3;
    }
  }
  return sum / n / 255;
}
