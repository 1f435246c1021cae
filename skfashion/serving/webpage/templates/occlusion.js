// Where a net looked: by how much a label's probability falls where the image is covered, window by
// window, as `skfashion.serving.looking` has it.

// To the nearest even number where two are as near, as Python rounds.
function rounded(value) {
  const below = Math.floor(value), part = value - below;
  return part === 0.5 ? below + (below % 2) : Math.round(value);
}

function spansOf(side) {
  const length = Math.max(1, rounded(side / 4)), step = Math.ceil(length / 4);
  const starts = [];
  for (let start = 0; start < side - length; start += step) starts.push(start);
  return [...starts, side - length].map((start) => [start, start + length]);
}

function windowsIn([, h, w]) {
  return spansOf(h).flatMap((rows) => spansOf(w).map((columns) => [rows, columns]));
}

function* pixelsIn([[top, bottom], [left, right]], w) {
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) yield y * w + x;
}

// Copies of an image's values, each with the mean of every plane in one window; null covers nothing.
function covered(image, [c, h, w], windows) {
  const size = c * h * w, images = new image.constructor(windows.length * size);
  windows.forEach((window, n) => {
    images.set(image, n * size);
    if (window === null) return;
    for (let k = 0; k < c; k++) {
      const plane = image.subarray(k * h * w, (k + 1) * h * w);
      const mean = plane.reduce((sum, value) => sum + value, 0) / plane.length;
      for (const at of pixelsIn(window, w)) images[n * size + k * h * w + at] = mean;
    }
  });
  return images;
}

// A pixel's heat is the mean fall of all windows that cover it.
function heatOf([, h, w], windows, falls) {
  const sums = new Float64Array(h * w), times = new Float64Array(h * w);
  windows.forEach((window, n) => {
    for (const at of pixelsIn(window, w)) {
      sums[at] += falls[n];
      times[at] += 1;
    }
  });
  return Array.from({ length: h }, (_, y) => {
    return Array.from({ length: w }, (_, x) => sums[y * w + x] / times[y * w + x]);
  });
}
