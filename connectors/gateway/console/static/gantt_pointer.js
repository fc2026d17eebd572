// The mouse or a finger on the chart: the wheel zooms, what is drawn is pulled along, and so is an operation.

const DRAGGED_FROM_PX = 5;
const WHEEL_FACTOR = 0.0016;
const LINE_PX = 24;
const EDGE_PX = 36;
const EDGE_STEP_PX = 14;

const pixels = (event, name) => event[name] * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE_PX);

/** Hears the canvas, and calls `gantt`: pick, choose, hover, pan, scroll, zoom, and for a move grab, carry, drop, letGo. */
export function hearPointer(canvas, gantt) {
  let held = null;

  canvas.addEventListener("wheel", (event) => {
    const [sideways, down] = [pixels(event, "deltaX"), pixels(event, "deltaY")];
    if (event.offsetX < gantt.scale.left) { if (gantt.scroll(down)) event.preventDefault(); return; }
    event.preventDefault();
    if (event.shiftKey || Math.abs(sideways) > Math.abs(down)) gantt.pan(sideways || down, 0);
    else gantt.zoom(Math.exp(-down * WHEEL_FACTOR), event.offsetX);
  }, { passive: false });

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const operation = gantt.pick(event.offsetX, event.offsetY);
    held = { operation, x: event.offsetX, y: event.offsetY, isDragged: false, grip: operation ? gantt.scale.at(event.offsetX) - operation.start : 0 };
    canvas.setPointerCapture(event.pointerId);
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!held) { gantt.hover(gantt.pick(event.offsetX, event.offsetY), event.offsetX, event.offsetY); return; }
    const [x, y] = [event.offsetX, event.offsetY];
    if (!held.isDragged) {
      if (Math.hypot(x - held.x, y - held.y) < DRAGGED_FROM_PX) return;
      held.isDragged = true;
      held.isMove = held.operation !== null && gantt.grab(held.operation);
      gantt.hover(null);
    }
    if (held.isMove) {
      if (x > canvas.clientWidth - EDGE_PX) gantt.pan(EDGE_STEP_PX, 0);
      else if (x < gantt.scale.left + EDGE_PX) gantt.pan(-EDGE_STEP_PX, 0);
      gantt.carry(y, gantt.scale.at(x) - held.grip);
      return;
    }
    gantt.pan(held.x - x, held.y - y);
    Object.assign(held, { x, y });
  });

  canvas.addEventListener("pointerup", () => {
    const was = held;
    held = null;
    if (!was) return;
    if (was.isMove) gantt.drop();
    else if (!was.isDragged) gantt.choose(was.operation);
  });

  canvas.addEventListener("pointercancel", () => {
    if (held?.isMove) gantt.letGo();
    held = null;
  });
  canvas.addEventListener("pointerleave", () => { if (!held) gantt.hover(null); });
}
