// The pen: by mouse, finger or pen, and by keys.

const cursor = document.getElementById("cursor");
const penWidth = document.getElementById("width");
const frame = document.getElementById("frame");
let ring = null, isDown = false; // what keys move

function line(from, to) {
  ink.strokeStyle = document.querySelector("[name=ink]:checked").value;
  ink.lineWidth = (penWidth.value / 100) * Math.max(pad.width, pad.height);
  ink.lineCap = ink.lineJoin = "round";
  ink.beginPath();
  ink.moveTo(from.x, from.y);
  ink.lineTo(to.x, to.y);
  ink.stroke();
}

function pointOf(event) {
  const box = pad.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) / box.width) * pad.width,
    y: ((event.clientY - box.top) / box.height) * pad.height,
  };
}

function listenToPointers(changed) {
  let last = null;
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || last) return;
    pad.setPointerCapture(event.pointerId);
    remember();
    last = { id: event.pointerId, at: pointOf(event) };
    line(last.at, last.at);
    changed();
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId !== last?.id) return;
    // A fast pen is at several places between two frames.
    for (const one of event.getCoalescedEvents?.() ?? [event]) {
      const at = pointOf(one);
      line(last.at, at);
      last.at = at;
    }
    changed();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    pad.addEventListener(end, (event) => { if (event.pointerId === last?.id) last = null; });
  }
}

function placeRing() {
  const box = pad.getBoundingClientRect(), outer = frame.getBoundingClientRect();
  cursor.hidden = ring === null;
  if (ring === null) return;
  cursor.style.left = `${box.left - outer.left + (ring.x / pad.width) * box.width}px`;
  cursor.style.top = `${box.top - outer.top + (ring.y / pad.height) * box.height}px`;
  const size = Math.max(8, (penWidth.value / 100) * Math.max(box.width, box.height));
  cursor.style.width = cursor.style.height = `${size}px`;
  cursor.classList.toggle("down", isDown);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function listenToKeys(changed, say) {
  pad.addEventListener("keydown", (event) => {
    const to = ARROWS[event.key];
    if (!to && event.key !== " ") return;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    ring ??= { x: pad.width / 2, y: pad.height / 2 };
    const from = { ...ring };
    if (to) {
      const step = 0.03 * Math.max(pad.width, pad.height);
      ring.x = Math.min(pad.width, Math.max(0, ring.x + to[0] * step));
      ring.y = Math.min(pad.height, Math.max(0, ring.y + to[1] * step));
    } else {
      isDown = !isDown;
      if (isDown) remember();
      say(isDown ? "The pen is down." : "The pen is up.");
    }
    if (isDown) {
      line(from, ring);
      changed();
    }
    placeRing();
  });
  pad.addEventListener("blur", () => {
    ring = null;
    isDown = false;
    placeRing();
  });
  penWidth.addEventListener("input", placeRing);
}
