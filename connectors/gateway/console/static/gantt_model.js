// A schedule in the form the chart asks for: rows of operations by time, found by place, by run and by order.

const MOST_FAMILIES = 8;
const DAY = 86_400_000;
const BEGUN = new Set(["in_progress", "on_hold", "completed", "cancelled"]);

/** The pieces of a stretch that are not closed. */
function pieces(from, to, closed) {
  const found = [];
  let at = from;
  for (let i = firstAfter(closed, from); i < closed.length && closed[i].from < to; i += 1) {
    if (closed[i].from > at) found.push([at, closed[i].from]);
    at = Math.max(at, closed[i].to);
  }
  if (at < to) found.push([at, to]);
  return found.length ? found : [[from, to]];
}

/** Index of the first stretch that ends after a moment. */
export function firstAfter(stretches, at) {
  let [low, high] = [0, stretches.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (stretches[middle].to > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

function operationOf(told, row, families) {
  const { actual, baseline } = told;
  if (told.family && !families.has(told.family)) families.set(told.family, families.size % MOST_FAMILIES);
  const [start, end] = [Date.parse(told.start_at), Date.parse(told.end_at)];
  const begin = Math.min(start, Date.parse(told.setup_from));
  return {
    told, row, begin, start, end,
    id: told.run_id,
    setup: begin < start ? pieces(begin, start, row.closed) : [],
    pieces: pieces(start, end, row.closed),
    hue: told.family ? families.get(told.family) : 0,
    isLate: told.late_minutes > 0,
    isDone: actual?.status === "completed",
    isBegun: BEGUN.has(actual?.status),
    share: actual && actual.quantity_planned > 0 ? Math.min(1, Math.max(0, actual.quantity_good / actual.quantity_planned)) : 0,
    actualFrom: actual?.start_at ? Date.parse(actual.start_at) : null,
    actualTo: actual?.end_at ? Date.parse(actual.end_at) : null,
    was: baseline ? { row: baseline.work_center_id, start: Date.parse(baseline.start_at), end: Date.parse(baseline.end_at) } : null,
    due: told.due_at ? Date.parse(told.due_at) : null,
  };
}

function rowOf(center, index) {
  const closed = center.closed.map((each) => ({ from: Date.parse(each.from_at), to: Date.parse(each.to_at) }));
  return { index, closed, id: center.work_center_id, code: center.code, name: center.name, machine: center.machine_id, operations: [], ghosts: [], reach: [] };
}

/** Everything the chart needs of a schedule. */
export function chartOf(view) {
  const rows = view.work_centers.map(rowOf);
  const rowById = new Map(rows.map((row) => [row.id, row]));
  const families = new Map();
  const byRun = new Map();
  const byOrder = new Map();
  for (const told of view.operations) {
    const row = rowById.get(told.work_center_id);
    if (!row) continue;
    const operation = operationOf(told, row, families);
    row.operations.push(operation);
    byRun.set(operation.id, operation);
    const order = told.production_order_id;
    if (!byOrder.has(order)) byOrder.set(order, []);
    byOrder.get(order).push(operation);
    const ghostRow = operation.was && rowById.get(operation.was.row);
    if (ghostRow && (ghostRow !== row || operation.was.start !== operation.start || operation.was.end !== operation.end)) ghostRow.ghosts.push(operation.was);
  }
  for (const row of rows) {
    row.operations.sort((a, b) => a.begin - b.begin || a.end - b.end);
    let latest = -Infinity;
    row.reach = row.operations.map((each) => ({ to: (latest = Math.max(latest, each.end)) }));
    row.ghosts.sort((a, b) => a.start - b.start);
  }
  for (const each of byOrder.values()) each.sort((a, b) => a.told.sequence_number - b.told.sequence_number || a.start - b.start);
  const begins = rows.filter((row) => row.operations.length).map((row) => row.operations[0].begin);
  const ends = [...byRun.values()].map((each) => each.end);
  const first = Date.parse(view.horizon_from ?? view.created_at);
  return {
    view, rows, rowById, families, byRun, byOrder, chain: chainOf(rows, byRun),
    from: Math.min(first, ...begins),
    to: ends.length ? ends.reduce((latest, end) => Math.max(latest, end), 0) : view.horizon_to ? Date.parse(view.horizon_to) : first + DAY,
    frozenUntil: view.frozen_until ? Date.parse(view.frozen_until) : null,
  };
}

/** What each operation of the critical chain waits for: pairs of operations, by order or by work centre. */
function chainOf(rows, byRun) {
  const found = [];
  for (const { operations } of rows) {
    for (const [i, each] of operations.entries()) {
      if (!each.told.is_critical) continue;
      const before = each.told.predecessors.map((run) => byRun.get(run)).filter((other) => other?.told.is_critical);
      if (operations[i - 1]?.told.is_critical && !before.includes(operations[i - 1])) before.push(operations[i - 1]);
      const latest = before.sort((a, b) => b.end - a.end)[0];
      if (latest) found.push([latest, each]);
    }
  }
  return found;
}

/** The operations of a row that are seen between two moments: its index range. */
export function seen(row, from, to) {
  const { operations, reach } = row;
  const first = firstAfter(reach, from);
  let [low, high] = [first, operations.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (operations[middle].begin < to) low = middle + 1;
    else high = middle;
  }
  return [first, low];
}

/** The operation of a row at a moment, or so near to it that it was meant. */
export function operationAt(row, at, nearMs) {
  const [first, past] = seen(row, at - nearMs, at + nearMs);
  let best = null;
  let least = Infinity;
  for (let i = first; i < past; i += 1) {
    const each = row.operations[i];
    const away = Math.max(each.begin - at, at - each.end, 0);
    if (away <= nearMs && away < least) [best, least] = [each, away];
  }
  return best;
}

/** The neighbour in the same row. */
export function beside(operation, step) {
  const { operations } = operation.row;
  return operations[operations.indexOf(operation) + step] ?? operation;
}

/** The operation nearest in time in the next row that has any. */
export function across(rows, operation, step) {
  const middle = (operation.start + operation.end) / 2;
  for (let index = operation.row.index + step; rows[index]; index += step) {
    const there = rows[index].operations;
    if (there.length) return there.reduce((best, each) => (distance(each, middle) < distance(best, middle) ? each : best));
  }
  return operation;
}

const distance = (operation, at) => Math.max(operation.begin - at, at - operation.end, 0);

/** The one before or after it in its order. */
export function alongOrder(chart, operation, step) {
  const those = chart.byOrder.get(operation.told.production_order_id);
  return those[those.indexOf(operation) + step] ?? operation;
}

/** Where to begin: in the uppermost row that has any, the operation of this moment or the next one. */
export function firstOpen(chart, at) {
  const row = chart.rows.find((each) => each.operations.length);
  return row ? row.operations[seen(row, at, Infinity)[0]] ?? row.operations.at(-1) : null;
}

/** Why somebody may not move this operation at all, in a sentence; none if they may try. */
export function whyFixed(operation) {
  const { told } = operation;
  if (told.is_frozen) return `${told.order_number}, ${told.operation}, is in the frozen zone and stays where it is.`;
  if (operation.isDone) return `${told.order_number}, ${told.operation}, is completed.`;
  if (operation.isBegun) return `${told.order_number}, ${told.operation}, has begun and stays where it is.`;
  return null;
}
