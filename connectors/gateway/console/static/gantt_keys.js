// The chart by keys alone. While an operation is moved the arrows carry it, else they go from one to the next.

const PAN_PX = 120;
const ZOOM = 1.4;
const FURTHER = 12;

/** Hears the canvas, and calls `gantt`. */
export function hearKeys(canvas, gantt) {
  const choosing = {
    ArrowLeft: () => gantt.step("beside", -1),
    ArrowRight: () => gantt.step("beside", 1),
    ArrowUp: () => gantt.step("across", -1),
    ArrowDown: () => gantt.step("across", 1),
    "[": () => gantt.step("order", -1),
    "]": () => gantt.step("order", 1),
    Home: () => gantt.step("beside", -Infinity),
    End: () => gantt.step("beside", Infinity),
    Enter: () => gantt.open(),
    Escape: () => gantt.choose(null),
    m: () => gantt.take(),
  };
  const moving = {
    ArrowLeft: (far) => gantt.nudge(far ? -FURTHER : -1),
    ArrowRight: (far) => gantt.nudge(far ? FURTHER : 1),
    ArrowUp: () => gantt.change(-1),
    ArrowDown: () => gantt.change(1),
    Enter: () => gantt.drop(),
    Escape: () => gantt.letGo(),
    m: () => gantt.letGo(),
  };
  const always = {
    "+": () => gantt.zoom(ZOOM),
    "=": () => gantt.zoom(ZOOM),
    "-": () => gantt.zoom(1 / ZOOM),
    0: () => gantt.fit(),
    n: () => gantt.goNow(),
    c: () => gantt.toggle("critical"),
    b: () => gantt.toggle("baseline"),
    PageUp: () => gantt.pan(-PAN_PX, 0),
    PageDown: () => gantt.pan(PAN_PX, 0),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = (gantt.isMoving ? moving : choosing)[event.key] ?? always[event.key];
    if (!act) return;
    event.preventDefault();
    act(event.shiftKey);
  });
}
