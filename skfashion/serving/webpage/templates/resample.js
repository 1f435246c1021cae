// Pillow's arithmetic, integer for integer: what a service's decoder makes of a picture, made here.

// Rec. 601 in 16 bits, as Pillow makes grey of colour; the planes of a picture, each {w, h, data}.
function planesOf(picture, channels) {
  const { width: w, height: h, data } = picture;
  const planes = Array.from({ length: channels }, () => ({ w, h, data: new Uint8Array(w * h) }));
  for (let i = 0, j = 0; i < w * h; i++, j += 4) {
    if (channels === 3) {
      for (let k = 0; k < 3; k++) planes[k].data[i] = data[j + k];
    } else {
      const sum = data[j] * 19595 + data[j + 1] * 38470 + data[j + 2] * 7471 + 0x8000;
      planes[0].data[i] = sum >> 16;
    }
  }
  return planes;
}

// Means of blocks of fx by fy pixels: of pictures that are much larger, the first step.
function reduced(plane, fx, fy) {
  const w = Math.ceil(plane.w / fx), h = Math.ceil(plane.h / fy), data = new Uint8Array(w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      // Blocks at the right and the lower edge may be smaller.
      const right = Math.min(plane.w, (x + 1) * fx), bottom = Math.min(plane.h, (y + 1) * fy);
      const n = (right - x * fx) * (bottom - y * fy);
      let sum = n >> 1;
      for (let j = y * fy; j < bottom; j++) {
        for (let i = x * fx; i < right; i++) sum += plane.data[j * plane.w + i];
      }
      data[y * w + x] = Math.floor((sum * Math.floor(2 ** 32 / (256 * n))) / 2 ** 24);
    }
  }
  return { w, h, data };
}

// Of each of `size` pixels: where its window begins, and the triangle's weights in 22 bits.
function windowsOf(length, extent, size) {
  const scale = Math.fround(extent) / size, support = Math.max(scale, 1);
  return Array.from({ length: size }, (_, at) => {
    const centre = (at + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(length, Math.trunc(centre + support + 0.5));
    const weights = [];
    for (let x = start; x < end; x++) {
      weights.push(Math.max(0, 1 - Math.abs((x - centre + 0.5) * (1 / support))));
    }
    const sum = weights.reduce((a, b) => a + b, 0);
    return { start, weights: weights.map((one) => Math.trunc(0.5 + (one / sum) * 2 ** 22)) };
  });
}

// The other way round: rows become columns.
function transposed({ w, h, data }) {
  const turned = new Uint8Array(w * h);
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) turned[x * h + y] = data[y * w + x];
  return { w: h, h: w, data: turned };
}

// A plane whose rows, of which `extent` pixels are a whole side, have another length.
function withRowsOf(plane, extent, size) {
  if (size === plane.w && extent === plane.w) return plane;
  const data = new Uint8Array(size * plane.h);
  windowsOf(plane.w, extent, size).forEach(({ start, weights }, x) => {
    for (let y = 0; y < plane.h; y++) {
      let sum = 2 ** 21;
      for (let k = 0; k < weights.length; k++) {
        sum += plane.data[y * plane.w + start + k] * weights[k];
      }
      data[y * size + x] = Math.min(255, Math.floor(sum / 2 ** 22));
    }
  });
  return { w: size, h: plane.h, data };
}

function withColumnsOf(plane, extent, size) {
  return transposed(withRowsOf(transposed(plane), extent, size));
}

function resized(plane, w, h) {
  const fx = Math.floor(plane.w / w / 3) || 1, fy = Math.floor(plane.h / h / 3) || 1;
  const small = fx > 1 || fy > 1 ? reduced(plane, fx, fy) : plane;
  const wide = plane.w / fx, high = plane.h / fy;
  // Which side comes first decides on rounding; this is the rule of Pillow 13 as it was observed.
  const columnsFirst = small.h - h > 2 * Math.max(0, small.w - w);
  if (columnsFirst) return withRowsOf(withColumnsOf(small, high, h), wide, w);
  return withColumnsOf(withRowsOf(small, wide, w), high, h);
}

// The largest middle part in the proportions of w by h: a net's reader may want it.
function middle(plane, w, h) {
  let [wide, high] = [plane.w, plane.h];
  if (wide * h > high * w) wide = Math.max(1, Math.floor((2 * high * w + h) / (2 * h)));
  else high = Math.max(1, Math.floor((2 * wide * h + w) / (2 * w)));
  const left = (plane.w - wide) >> 1, top = (plane.h - high) >> 1;
  const data = new Uint8Array(wide * high);
  for (let y = 0; y < high; y++) {
    const start = (top + y) * plane.w + left;
    data.set(plane.data.subarray(start, start + wide), y * wide);
  }
  return { w: wide, h: high, data };
}

// The whole of it in the middle of w by h pixels, black around it.
function padded(plane, w, h) {
  let [wide, high] = [w, h];
  if (plane.w * h > plane.h * w) {
    high = Math.max(1, Math.floor((2 * plane.h * w + plane.w) / (2 * plane.w)));
  } else wide = Math.max(1, Math.floor((2 * plane.w * h + plane.h) / (2 * plane.h)));
  const left = (w - wide) >> 1, top = (h - high) >> 1;
  const small = resized(plane, wide, high), data = new Uint8Array(w * h);
  for (let y = 0; y < high; y++) {
    data.set(small.data.subarray(y * wide, (y + 1) * wide), (top + y) * w + left);
  }
  return { w, h, data };
}

// What a net sees of a picture (RGBA without transparency): uint8 in the order (c, h, w).
function viewOf(picture, [c, h, w], crop = "stretch") {
  const view = new Uint8Array(c * h * w);
  planesOf(picture, c).forEach((plane, k) => {
    const part = crop === "centre" ? middle(plane, w, h) : plane;
    const small = crop === "pad" ? padded(part, w, h) : resized(part, w, h);
    view.set(small.data, k * h * w);
  });
  return view;
}
